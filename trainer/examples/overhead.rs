//! What the way to a program and back costs a round: time of a step less the time inside the user's code.
//!
//! `overhead COMMAND INPUTS OPTIONS NAME=SHAPE…`, with shapes such as `8x16`. The program says through `evaluate` how long
//! its last `train` took inside (`inside_ms`), as `python/examples/overhead.py` does. What is printed, in milliseconds: the
//! median, and the longest, of twenty steps after a first one.

use std::{env, error::Error, path::Path, time::Duration, time::Instant};

use consilium_datasets::Table;
use consilium_learning::Trainer as _;
use consilium_proto::training::{Head, Program, Tensor, Tensors};
use consilium_trainer::{ProgramTrainer, Rows, Settings, Words};

const STEPS: u64 = 20;

const ROWS: usize = 192;

fn tensor(text: &str) -> Result<Tensor, Box<dyn Error>> {
    let (name, shape) = text.split_once('=').ok_or("expected NAME=SHAPE")?;
    let shape = shape.split('x').map(str::parse).collect::<Result<_, _>>()?;
    Ok(Tensor { name: name.to_owned(), shape })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [command, inputs, options, shapes @ ..] = arguments.as_slice() else {
        return Err("expected COMMAND INPUTS OPTIONS NAME=SHAPE…".into());
    };
    let width: usize = inputs.parse()?;
    let shapes = shapes.iter().map(|text| tensor(text)).collect::<Result<_, _>>()?;
    let agreed = Program::new(Tensors::new(shapes)?, options.clone(), Head::Binary, None)?;
    // Rows of any values: it is the way that is measured.
    let features = (0..ROWS * width).map(|place| (place % 17) as f32 / 8.0 - 1.0).collect();
    let labels = (0..ROWS).map(|row| (row % 2) as f32).collect();
    let table = Table { features, labels, rows: ROWS, width };
    let settings = Settings {
        words: Words::split(command, &env::current_dir()?)?,
        deadline: Duration::from_secs(120),
        scratch: Path::new(&env::temp_dir()).to_owned(),
    };
    let global = vec![0.01; agreed.tensors().dimension() as usize];
    let mut trainer = ProgramTrainer::new(settings, agreed, Rows::Prepared(table), 1, 1);
    let mut overhead = Vec::new();
    for step in 0..=STEPS {
        let start = Instant::now();
        trainer.train(step, &global)?;
        let whole = start.elapsed().as_secs_f64() * 1e3;
        let metrics = trainer.measure(&global)?.unwrap_or_default();
        let inside = metrics.get("inside_ms").copied().flatten().ok_or("no inside_ms")?;
        // The first step starts the program.
        if step > 0 {
            overhead.push((whole - inside, inside));
        }
    }
    overhead.sort_by(|a, b| a.0.total_cmp(&b.0));
    let median = overhead.get(overhead.len() / 2).ok_or("no step")?;
    let longest = overhead.last().ok_or("no step")?;
    println!(
        "{} parameters: {:.1} ms besides {:.1} ms of user code, {:.1} ms at most",
        global.len(),
        median.0,
        median.1,
        longest.0
    );
    Ok(())
}
