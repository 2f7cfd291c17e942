//! `consilium figure4` and `consilium table1` from start to end, with as few repetitions as there can be.

use std::fs;
use std::path::Path;

use consilium_experiments::ExperimentError;
use consilium_experiments::progress::Progress;
use consilium_experiments::proof_systems::{
    CSV_HEADER, Experiment, Extent, Options, System, files, run,
};

const LITTLE: Extent = Extent { lap_s: 0.001, budget_s: 0.0, folded: 2 };

fn options(experiment: Experiment, directory: &Path) -> Options {
    Options { experiment, extent: LITTLE, directory: directory.to_owned() }
}

#[test]
fn both_experiments_write_a_csv_a_figure_and_a_page_with_every_system_of_the_build() {
    for (experiment, [csv, figure, page]) in [
        (Experiment::Figure4, [files::FIGURE_4_CSV, files::FIGURE_4, files::FIGURE_4_PAGE]),
        (Experiment::Table1, [files::TABLE_1_CSV, files::TABLE_1_FIGURE, files::TABLE_1]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let said = run(&options(experiment, directory.path()), &Progress::silent()).unwrap();
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(read(page), said.page);
        let has_peers = cfg!(feature = "peers");
        for system in System::ALL {
            let is_there = has_peers || !system.is_optional();
            assert_eq!(read(csv).contains(system.name()), is_there, "{system:?}");
            assert_eq!(read(figure).contains(system.label()), is_there, "{system:?}");
        }
        assert_eq!(said.page.contains("--features peers"), !has_peers);
        assert_eq!(read(csv).lines().next(), Some(CSV_HEADER));
        let rows = said.json["rows"].as_array().unwrap();
        assert_eq!(rows.len() + 1, read(csv).lines().count());
    }
}

#[test]
fn a_directory_of_somebody_else_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(files::FIGURE_4), "precious").unwrap();
    let options = options(Experiment::Figure4, directory.path());
    let error = run(&options, &Progress::silent()).unwrap_err();
    assert!(matches!(error, ExperimentError::Occupied { .. }), "{error}");
    assert_eq!(fs::read_to_string(directory.path().join(files::FIGURE_4)).unwrap(), "precious");
}
