//! What a device computes right, how fast, and how far that is from what it could do.
//!
//! `cargo run --release --example device_report -- --device cpu`
//!
//! `cargo run --release --features wgpu --example device_report -- --device wgpu --json report.json`
//!
//! First the device is held against the CPU in double precision; an objective that fails is not timed. Then copy bandwidth
//! and arithmetic rate are measured, and momentum's daily log Sharpe ratio and its gradient are timed over batches of
//! parameter sets, of a pool without fees and of one that is arbitraged every minute. What the objective reads, writes and
//! computes is counted from shapes ([`model`]). `--paper` prints the same counts for a GPU that nobody has measured.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod check;
mod machine;
mod model;
mod paper;
mod subject;
mod timing;

use std::error::Error;
use std::io::{stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use gradpool::cli::config::{DeviceKind, Precision};
use gradpool::cli::describe::table;
use gradpool::cli::output::Output;
use gradpool::cli::setup;
use gradpool::metrics::Metric;
use gradpool::strategy::WeightPath;
use gradpool::tensor::{DType, Device};
use serde_json::{Value, json};

use check::Check;
use machine::{Machine, Rates};
use model::{Kernels, Work};
use subject::{Kind, OBJECTIVE, Size, Subject};
use timing::{Patience, Timing, median};

/// What a device computes right, how fast, and how far that is from what it could do.
#[derive(Debug, Parser)]
#[command(name = "device_report")]
struct Arguments {
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = DeviceKind::Cpu)]
    device: DeviceKind,
    /// Type of the numbers; by default f64 on a CPU, f32 on a GPU.
    #[arg(long, value_enum)]
    precision: Option<Precision>,
    /// Assets of the pool.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=16))]
    assets: u8,
    /// Days of a window without fees.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(4..))]
    days: u16,
    /// Days of a window with fees.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(4..))]
    fee_days: u16,
    /// Days of prices before a window.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(2..))]
    burn_in_days: u16,
    /// Parameter sets side by side, rising.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 256, 4096, 65_536, 1_048_576])]
    sets: Vec<usize>,
    /// A batch that takes longer than so many seconds is the last one; nothing is repeated beyond them.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Small sizes and few repetitions, for a look at whether all this works; the times mean little.
    #[arg(long)]
    quick: bool,
    /// Writes the numbers to a file as well; `-`: to stdout in place of the tables.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Prints the plan for a data-centre GPU alone.
    #[arg(long)]
    paper: bool,
}

impl Arguments {
    /// With the sizes of a quick run.
    fn quickened(self) -> Self {
        if !self.quick {
            return self;
        }
        Self { days: 12, fee_days: 4, burn_in_days: 8, sets: vec![1, 4], seconds: 2.0, ..self }
    }

    fn size(&self, kind: Kind) -> Size {
        let days = match kind {
            Kind::ZeroFee => self.days,
            Kind::Fees => self.fee_days,
        };
        let [assets, days, burn_in_days] = [self.assets.into(), days.into(), self.burn_in_days.into()];
        Size { assets, days, burn_in_days }
    }

    fn patience(&self) -> Patience {
        Patience { repetitions: 7, seconds: self.seconds }
    }

    /// Bytes to measure the bandwidth with.
    fn copied_bytes(&self, machine: &Machine) -> usize {
        let wanted: u64 = if self.quick { 16 << 20 } else { 512 << 20 };
        wanted.min(machine.room.largest_tensor / 2).min(machine.room.budget / 4) as usize
    }

    fn json_to_stdout(&self) -> bool {
        self.json.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }

    /// Prints lines, unless stdout is the document's.
    fn say(&self, lines: &[String]) {
        if !self.json_to_stdout() {
            for line in lines {
                println!("{line}");
            }
        }
    }

    /// Writes the document where it is wanted.
    fn write(&self, document: &Value) -> Result<(), Box<dyn Error>> {
        let Some(path) = &self.json else { return Ok(()) };
        let text = serde_json::to_string_pretty(document)?;
        if self.json_to_stdout() {
            println!("{text}");
        } else {
            std::fs::write(path, text + "\n")?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse().quickened();
    let outcome = if arguments.paper {
        planned(&arguments).map(|()| true)
    } else {
        let kind = arguments.device;
        let place = setup::device(kind).and_then(|device| Ok((device, setup::dtype(kind, arguments.precision)?)));
        match place {
            Ok((device, dtype)) => report(&arguments, &device, dtype),
            Err(error) => {
                Output::new(&mut stdout(), &mut stderr(), false).error(&error);
                Ok(false)
            }
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The plan of [`paper`].
fn planned(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    arguments.say(&paper::lines());
    arguments.write(&json!({ "version": env!("CARGO_PKG_VERSION"), "plan": paper::document() }))
}

/// Checks, measures and times a device. Whether it computes everything right.
fn report(arguments: &Arguments, device: &Device, dtype: DType) -> Result<bool, Box<dyn Error>> {
    let machine = Machine::of(device, dtype);
    let version = env!("CARGO_PKG_VERSION");
    arguments.say(&[format!("gradpool {version} on {}, {}: {}", arguments.device.name(), dtype.name(), machine.name)]);
    let rates = machine.rates(dtype, arguments.copied_bytes(&machine), arguments.patience())?;
    let [copied, computed] = [rates.bytes, rates.operations].map(|rate| format!("{:.1}", rate * 1e-9));
    arguments.say(&[format!("copies {copied} GB/s, computes {computed} Gop/s at most"), String::new()]);

    let mut objectives = Vec::new();
    let mut passes = true;
    for kind in [Kind::ZeroFee, Kind::Fees] {
        let size = arguments.size(kind);
        let prices = subject::prices(size)?;
        let subject = Subject::new(kind, size, &prices, WeightPath::Auto, (device, dtype))?;
        // The path that the device does not take.
        let path = if machine.is_gpu() { WeightPath::Scan } else { WeightPath::Vectorized };
        let reference = Subject::new(kind, size, &prices, path, (&Device::flex(), DType::F64))?;
        let sets = if arguments.quick { 4 } else { 16 };
        let checks = [Metric::FinalValue, OBJECTIVE]
            .into_iter()
            .map(|metric| Check::of(metric, &subject, &reference, dtype, sets))
            .collect::<Result<Vec<_>, _>>()?;
        arguments.say(&[format!("{}, against the CPU in f64", kind.name())]);
        arguments.say(&checks.iter().map(Check::said).collect::<Vec<_>>());
        let right = checks.iter().all(Check::passes);
        let kernels = match kind {
            Kind::Fees if !machine.is_gpu() => Kernels::Cpu { trades: reference.trades_per_row()? },
            _ => Kernels::Gpu,
        };
        let timed = if right { time(arguments, &machine, &subject, kernels)? } else { Timed::default() };
        passes &= right;
        let rows = timed.rows.iter().map(|row| row.cells(rates));
        if right {
            arguments.say(&table(&std::iter::once(Row::heading()).chain(rows).collect::<Vec<_>>()));
        }
        arguments.say(&timed.left_out);
        arguments.say(&[String::new()]);
        objectives.push(json!({
            "objective": kind.name(),
            "assets": size.assets, "days": size.days, "burn_in_days": size.burn_in_days,
            "checks": checks.iter().map(Check::document).collect::<Vec<_>>(),
            "timings": timed.rows.iter().map(|row| row.document(rates)).collect::<Vec<_>>(),
            "left_out": timed.left_out,
        }));
    }
    arguments.write(&json!({
        "version": version, "device": arguments.device.name(), "precision": dtype.name(),
        "quick": arguments.quick, "machine": machine.document(rates), "objectives": objectives,
    }))?;
    Ok(passes)
}

/// Timings of an objective, and what there is none of.
#[derive(Default)]
struct Timed {
    rows: Vec<Row>,
    left_out: Vec<String>,
}

/// Times value and gradient over batches until they do not fit or take too long.
fn time(
    arguments: &Arguments,
    machine: &Machine,
    subject: &Subject,
    kernels: Kernels,
) -> Result<Timed, Box<dyn Error>> {
    let mut timed = Timed::default();
    for &sets in &arguments.sets {
        if let Some(obstacle) = subject.obstacle(sets, &machine.room) {
            timed.left_out.push(format!("{sets} sets and more: {obstacle}"));
            break;
        }
        let parameters = subject.parameters(sets)?;
        let (shape, path_years) = (subject.shape(sets, kernels), subject.path_years(sets));
        subject.wait()?;
        let value = median(arguments.patience(), || subject.value(&parameters).and_then(|_| subject.wait()))?;
        let gradient = median(arguments.patience(), || {
            subject.value_and_gradient(&parameters, OBJECTIVE).and_then(|_| subject.wait())
        })?;
        let kind = subject.kind;
        timed.rows.push(Row { kind, pass: "value", sets, timing: value, work: shape.value(), path_years });
        let (pass, work) = ("value + gradient", shape.value_and_gradient());
        timed.rows.push(Row { kind, pass, sets, timing: gradient, work, path_years });
        if gradient.seconds > arguments.seconds && arguments.sets.iter().any(|&more| more > sets) {
            timed.left_out.push(format!("more sets: {sets} took more than {} s", arguments.seconds));
            break;
        }
    }
    Ok(timed)
}

/// One timing.
struct Row {
    kind: Kind,
    pass: &'static str,
    sets: usize,
    timing: Timing,
    work: Work,
    path_years: f64,
}

impl Row {
    fn heading() -> Vec<String> {
        let cells =
            ["objective", "pass", "sets", "seconds", "path-years/s", "GB/s", "of copy", "Gop/s", "of rate", "limit"];
        cells.map(str::to_owned).to_vec()
    }

    /// Parts of the copy bandwidth and of the arithmetic rate.
    fn shares(&self, rates: Rates) -> [f64; 2] {
        [
            self.work.bytes / self.timing.seconds / rates.bytes,
            self.work.operations / self.timing.seconds / rates.operations,
        ]
    }

    /// What is used most; where that is little, the device waits for launches or for operations that depend on each other.
    fn limit(&self, rates: Rates) -> &'static str {
        match self.shares(rates) {
            [memory, arithmetic] if memory.max(arithmetic) < 0.1 => "waiting",
            [memory, arithmetic] if memory > arithmetic => "memory",
            _ => "arithmetic",
        }
    }

    fn cells(&self, rates: Rates) -> Vec<String> {
        let seconds = self.timing.seconds;
        let shares = self.shares(rates).map(|share| format!("{:.1} %", 100.0 * share));
        let [of_copy, of_rate] = shares;
        vec![
            self.kind.name().to_owned(),
            self.pass.to_owned(),
            self.sets.to_string(),
            format!("{seconds:.4}"),
            format!("{:.1}", self.path_years / seconds),
            format!("{:.2}", self.work.bytes / seconds * 1e-9),
            of_copy,
            format!("{:.2}", self.work.operations / seconds * 1e-9),
            of_rate,
            self.limit(rates).to_owned(),
        ]
    }

    fn document(&self, rates: Rates) -> Value {
        let [of_copy, of_rate] = self.shares(rates);
        json!({
            "pass": self.pass, "sets": self.sets,
            "seconds": self.timing.seconds, "repetitions": self.timing.repetitions,
            "path_years_per_second": self.path_years / self.timing.seconds,
            "bytes": self.work.bytes, "operations": self.work.operations, "cycles_of_a_path": self.work.cycles,
            "share_of_copy_bandwidth": of_copy, "share_of_arithmetic_rate": of_rate, "limit": self.limit(rates),
        })
    }
}
