//! Targets that are not two classes: several, and a number.

use std::{
    fs,
    process::{Child, Command},
};

use consilium_client::{contribution::scores, state::model};
use consilium_datasets::scorecard::Scores;

use crate::run::{audited, finish};
use crate::world::{ROWS, World};

/// Runs all sites to the end; what the best evaluation says, the same at all of them.
fn measured(world: &mut World) -> Scores {
    let running: Vec<Child> = (0..4).map(|place| world.start(place)).collect();
    finish(world, running);
    let load = |place| {
        let state = world.path(&format!("state-{place}"));
        model::load(&state, &world.parameters).unwrap().unwrap()
    };
    let checked = load(0);
    for place in 1..4 {
        assert_eq!(load(place).model(), checked.model());
        assert_eq!(load(place).findings(), checked.findings());
    }
    let best = checked.findings().best().unwrap();
    let scores = scores(&world.parameters, &best.places).unwrap();
    // A quarter of each class or of all rows, rounded at every site.
    assert!(scores.rows().abs_diff(ROWS.iter().sum::<u64>() / 4) <= 6, "{scores:?}");
    audited(world);
    scores
}

/// The model of a site as a file with its card, applied to rows; the lines that come out, and the card.
fn predicted(world: &World, rows: &str) -> (Vec<String>, String) {
    let out = world.path("model.safetensors");
    let written = world.command(0, "model").arg("--out").arg(&out).output().unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    fs::write(world.path("new.csv"), rows).unwrap();
    let answers = world.path("answers.csv");
    // Twice: what it has written before may be written over.
    for _ in 0..2 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
        command.arg("predict").arg("--model").arg(&out).arg("--data").arg(world.path("new.csv"));
        let output = command.arg("--out").arg(&answers).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with("3 rows have an answer: "), "{said}");
    }
    (world.read("answers.csv").lines().map(str::to_owned).collect(), world.read("model.md"))
}

/// A last layer of a site's own, whatever it predicts; the card of that model.
fn personal(world: &World) -> String {
    let mut command = world.command(1, "model");
    command.arg("--out").arg(world.path("own.safetensors"));
    let output = command.arg("--own-last-layer").arg(world.path("1.toml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("rows that this institution holds out, the last layer of its own is "));
    world.read("own.md")
}

#[test]
fn sites_learn_one_of_three_classes_and_verify_how_well_each_is_told_from_the_others() {
    let target = "classes = ['low', 'middle', 'high, or more']";
    let mut world = World::with_target(target, 12, 8.0);
    let label = |glucose| match glucose {
        ..110 => "low".to_owned(),
        110..170 => "middle".to_owned(),
        _ => "\"high, or more\"".to_owned(),
    };
    (0..4).for_each(|place| world.write_labelled(place, "column='ill'", label));
    let Scores::Classes(scores) = measured(&mut world) else { panic!() };
    assert!(scores.accuracy > 0.75 && scores.auc.unwrap() > 0.9, "{scores:?}");
    // Low and high lie apart, and neither is taken for the other.
    let [low, middle, high] = scores.confusion.as_slice() else { panic!() };
    assert_eq!((low[2], high[0]), (0, 0), "{scores:?}");
    assert!(low[0] > 0 && middle[1] > 0 && high[2] > 0, "{scores:?}");
    let log = world.read("1.log");
    assert!(log.contains("classes: low: ") && log.contains("mean AUC of a class"), "{log}");
    assert!(log.contains("than a model of your rows alone (loss "), "{log}");

    let (lines, card) = predicted(&world, "age,glucose\n30,60\n70,140\n,300\n");
    let header =
        "row,probability of low,probability of middle,\"probability of high, or more\",class";
    assert_eq!((lines.len(), lines[0].as_str()), (4, header));
    for (line, class) in lines[1..].iter().zip(["low", "middle", "\"high, or more\""]) {
        assert!(line.ends_with(&format!(",{class}")), "{lines:?}");
        let probabilities: Vec<f64> =
            line.split(',').skip(1).take(3).map(|field| field.parse().unwrap()).collect();
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{line}");
    }
    for part in [
        "Which of low, middle, high, or more `ill` is",
        "| balanced accuracy | ",
        "| actual / predicted | low | middle | high, or more |",
        "| input | low | middle | high, or more |",
        "| glucose (mg/dL) | ",
    ] {
        assert!(card.contains(part), "{part} is not in {card}");
    }
    let own = personal(&world);
    assert!(own.contains("| actual / predicted |") && own.contains("alone**"), "{own}");
}

#[test]
fn sites_learn_a_number_and_verify_how_far_off_it_is_in_its_unit() {
    let mut world = World::with_target("unit = 'days'\nminimum = 0\nmaximum = 40", 12, 4.0);
    let days = |glucose: u64| format!("{}", (glucose - 60) as f64 / 8.0 + 5.0);
    (0..4).for_each(|place| world.write_labelled(place, "column='ill'", days));
    let Scores::Number(scores) = measured(&mut world) else { panic!() };
    assert!(scores.r_squared.unwrap() > 0.9 && scores.rmse < 0.05, "{scores:?}");
    let log = world.read("1.log");
    assert!(log.contains("of the plausible range, R² 0.9"), "{log}");

    let (lines, card) = predicted(&world, "age,glucose\n30,60\n70,140\n40,220\n");
    assert_eq!((lines.len(), lines[0].as_str()), (4, "row,ill (days)"));
    for (line, expected) in lines[1..].iter().zip([5.0, 15.0, 25.0]) {
        let days: f64 = line.split(',').nth(1).unwrap().parse().unwrap();
        assert!((days - expected).abs() < 3.0, "{lines:?}");
    }
    let rmse = format!("| RMSE | {:.4} |", 40.0 * scores.rmse);
    for part in ["The number `ill`, 0 to 40 days", "- Linear regression.", "| R² | 0.9", &rmse] {
        assert!(card.contains(part), "{part} is not in {card}");
    }
    let own = personal(&world);
    assert!(own.contains("| RMSE | ") && own.contains("alone**"), "{own}");
}
