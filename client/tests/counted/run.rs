use std::{
    fs,
    process::{Child, Command},
    thread,
    time::Duration,
};

use consilium_audit::audit::audit;
use consilium_client::{contribution::last_scores, state::model};
use consilium_contract::ServerOptimiser;
use consilium_datasets::{
    Preprocessor, Source, dictionary::Dictionary, scorecard::Scores, survey::Survey,
};

use consilium_proto::v1::ServerMomentum;

use crate::world::{ROWS, World};

pub fn finish(world: &World, running: Vec<Child>) {
    for (place, mut child) in running.into_iter().enumerate() {
        let status = child.wait().unwrap();
        assert!(status.success(), "{place}: {}", world.read(&format!("{place}.log")));
    }
}

pub fn audited(world: &mut World) {
    world.stop();
    let (ledger, scratch) = (world.path("ledger"), world.path("scratch"));
    fs::create_dir_all(&scratch).unwrap();
    let report = audit(&ledger, &scratch, Some(&world.parameters.chain_id)).unwrap();
    assert!(report.is_closed);
}

#[test]
fn sites_scale_alike_by_the_rows_of_all_and_learn_how_good_the_model_is_on_rows_that_nobody_trains_on()
 {
    let mut world = World::of(6, 0);
    (0..4).for_each(|place| world.write_rows(place, false));
    let running: Vec<Child> = (0..4).map(|place| world.start(place)).collect();
    finish(&world, running);

    // Statistics, six improvements, and an evaluation after every second one.
    let checked: Vec<_> = (0..4)
        .map(|place| {
            let state = world.path(&format!("state-{place}"));
            model::load(&state, &world.parameters).unwrap().unwrap()
        })
        .collect();
    for one in &checked {
        assert_eq!((one.step(), one.model()), (1 + 6 + 3, checked[0].model()));
        assert_eq!(one.findings(), checked[0].findings());
    }
    let findings = checked[0].findings();
    let (step, Scores::Binary(scores)) = last_scores(&world.parameters, findings).unwrap() else {
        panic!()
    };
    assert_eq!((step, scores.rows), (9, ROWS.iter().sum::<u64>() / 4));
    assert!(scores.auc.unwrap() > 0.97, "{scores:?}");
    assert!(findings.best().is_some_and(|best| best.step == 9), "{findings:?}");
    let log = world.read("2.log");
    assert!(log.contains("held-out rows of all institutions: loss "), "{log}");
    assert!(log.contains("than a model of your rows alone"), "{log}");

    // The same statistics as of the rows of all in one table, without those that are held out.
    let dictionary = Dictionary::load(&world.path("dictionary.toml")).unwrap();
    let seed = u64::from_le_bytes(world.parameters.chain_id.0[..8].try_into().unwrap());
    let survey = Survey::of(&dictionary);
    let mut mean = (0.0, 0.0);
    for place in 0..4 {
        let path = world.path(&format!("{place}.toml"));
        let source = Source::open(path.to_str().unwrap()).unwrap();
        let dataset = dictionary.open(&source).unwrap().0;
        let rows = dataset.hold_out(0.25, seed).train;
        let taken = survey.take(&dataset, &rows).unwrap();
        mean = (mean.0 + taken.sums[0], mean.1 + rows.len() as f64);
    }
    let tally = world.parameters.agenda().statistics().unwrap();
    let (counts, sums) = tally.decode(&findings.statistics().unwrap().places).unwrap();
    assert_eq!(counts[0] as f64, mean.1);
    assert!((sums[0] - mean.0).abs() < 0.01, "{sums:?} {mean:?}");
    let total = consilium_datasets::survey::Quantities { counts, sums };
    let statistics = survey.read(&total).unwrap();
    assert!(Preprocessor::agreed(&dictionary, &statistics.numbers()).is_ok());
    audited(&mut world);
    best_model_is_used(&world);
}

/// Whoever has the file that one institution writes can apply it to rows that nobody has labelled.
fn best_model_is_used(world: &World) {
    let out = world.path("model.safetensors");
    let written = world.command(0, "model").arg("--out").arg(&out).output().unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let card = world.read("model.md");
    for part in
        ["# Model card: ill", "| glucose |", "90 rows that the institutions held out", "| 120 |"]
    {
        assert!(card.contains(part), "{part} is not in {card}");
    }
    let rows = "age,patient,glucose\n30,A,80\n70,\"B, C\",210\n,D,\n";
    fs::write(world.path("new.csv"), rows).unwrap();
    let predict = |data: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
        command.arg("predict").arg("--model").arg(&out).arg("--data").arg(world.path(data));
        let output = command.args(["--id", "patient"]).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, predictions, message) = predict("new.csv");
    assert_eq!(code, Some(0), "{message}");
    let lines: Vec<&str> = predictions.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "patient,probability,class"));
    assert!(lines[1].starts_with("A,0.") && lines[1].ends_with(",0"), "{predictions}");
    assert!(lines[2].starts_with("\"B, C\",0.") && lines[2].ends_with(",1"), "{predictions}");
    // Out of the agreed range: another unit, most likely. No value of a patient is shown.
    fs::write(world.path("mmol.csv"), "age,patient,glucose\n30,A,-4.4321\n").unwrap();
    let (code, _, message) = predict("mmol.csv");
    assert_eq!(code, Some(2));
    assert!(!message.contains("4.4321"), "{message}");
}

#[test]
fn an_institution_that_is_killed_goes_on_with_the_same_statistics_held_out_rows_and_moments() {
    let momentum = ServerMomentum { learning_rate: 1.0, beta: 0.5 };
    let mut world = World::under(ServerOptimiser::Momentum(momentum), 4, 0);
    (0..4).for_each(|place| world.write_rows(place, false));
    let mut running: Vec<Child> = (0..3).map(|place| world.start(place)).collect();
    let mut killed = world.start(3);
    // Some way into the run, wherever that is.
    while !world.read("3.log").contains("purpose=\"statistics\"") {
        assert!(killed.try_wait().unwrap().is_none(), "{}", world.read("3.log"));
        thread::sleep(Duration::from_millis(2));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    running.push(world.start(3));
    finish(&world, running);
    let log = world.read("3.log");
    assert!(!log.contains("no update of this step"), "{log}");
    let load = |place| {
        let state = world.path(&format!("state-{place}"));
        model::load(&state, &world.parameters).unwrap().unwrap()
    };
    assert_eq!(load(3).model(), load(0).model());
    assert_eq!(load(3).model().to_bytes().len(), 2 * 4 * 3);
    assert_eq!(load(3).findings(), load(0).findings());
    audited(&mut world);
}

#[test]
fn labels_that_one_site_has_inverted_show_in_that_sites_own_evaluation() {
    let world = World::of(6, 0);
    (0..3).for_each(|place| world.write_rows(place, false));
    world.write_rows(3, true);
    let running: Vec<Child> = (0..4).map(|place| world.start(place)).collect();
    finish(&world, running);
    let last = |place: usize| {
        let log = world.read(&format!("{place}.log"));
        let line = log.lines().rfind(|line| line.contains("than a model of your rows alone"));
        line.unwrap().to_owned()
    };
    assert!(last(3).contains("not better than a model of your rows alone"), "{}", last(3));
    let own_area = |place| {
        let line = last(place);
        let own = line.split("on your own").nth(1).unwrap().to_owned();
        let area = own.split("AUC ").nth(1).unwrap();
        area.split([',', ')']).next().unwrap().parse::<f64>().unwrap()
    };
    assert!(own_area(3) < 0.5 && own_area(0) > 0.5, "{} {}", own_area(3), own_area(0));
    a_last_layer_of_its_own_stays_with_the_site_and_is_measured_on_rows_that_it_holds_out(&world);
}

/// The site whose labels mean something else gains by one; its file and card say whose it is.
fn a_last_layer_of_its_own_stays_with_the_site_and_is_measured_on_rows_that_it_holds_out(
    world: &World,
) {
    let write = |name: &str, more: &[&str]| {
        let mut command = world.command(3, "model");
        let out = world.path(&format!("{name}.safetensors"));
        let output = command.arg("--out").arg(&out).args(more).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr), fs::read(out).ok())
    };
    let rows = world.path("3.toml");
    let own = ["--own-last-layer", rows.to_str().unwrap(), "--own-epochs", "60"];
    let (_, _, _, of_all) = write("all", &[]);
    let (code, said, message, personal) = write("own", &own);
    assert_eq!(code, Some(0), "{message}");
    let words = "on the 30 rows that this institution holds out, the last layer of its own is better: loss ";
    assert!(said.contains(words), "{said}");
    assert!(personal.is_some() && personal != of_all && write("again", &own).3 == personal);
    let card = world.read("own.md");
    for part in ["alone**", words, "Measured on 30 rows that this institution held out."] {
        assert!(card.contains(part), "{part} is not in {card}");
    }
    assert!(!world.read("all.md").contains("alone**"));
    // Another site's rows are not those that it was certified for.
    let other = world.path("0.toml");
    let (code, _, message, _) = write("other", &["--own-last-layer", other.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(message.contains("the data has 60 rows, the certificate says 120"), "{message}");
}

#[test]
fn a_run_whose_evaluations_improve_no_more_ends_early_for_everyone() {
    let mut world = World::of(400, 2);
    // Labels that nothing decides: what is learned is soon no better on other rows.
    for place in 0..4 {
        world.write_rows(place, false);
        let path = world.path(&format!("{place}.csv"));
        let noise = |(i, line): (usize, &str)| {
            let ill = u8::from((i * 7 + i * i * 3 + place) % 5 < 2);
            let fields: Vec<&str> = line.split(',').collect();
            match (i, place % 2) {
                (0, _) => format!("{line}\n"),
                (_, 0) => format!("{},{},{ill}\n", fields[0], fields[1]),
                _ => format!("{ill},{},{}\n", fields[1], fields[2]),
            }
        };
        let text: String =
            fs::read_to_string(&path).unwrap().lines().enumerate().map(noise).collect();
        fs::write(path, text).unwrap();
    }
    let running: Vec<Child> = (0..4).map(|place| world.start(place)).collect();
    finish(&world, running);
    let state = world.path("state-0");
    let checked = model::load(&state, &world.parameters).unwrap().unwrap();
    let best = checked.findings().best().unwrap();
    // Two evaluations after the best one, of three steps each.
    assert_eq!(checked.step(), best.step + 6 + 1);
    assert!(checked.step() < world.parameters.steps);
    audited(&mut world);
}
