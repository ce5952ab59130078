//! Writes the vector files in `tests/data`, from this crate's own numbers: `cargo run --example write_vectors -- FOLDER`.
//!
//! They hold the crate to what it computed when its numbers agreed with those of the real contracts.

use std::error::Error;
use std::path::Path;

use gradpool_chain::fixed_point::{
    ONE, SCALE, absolute, divide, exponential, exponential_base_2, logarithm_base_2, multiply, power, signal_power,
};
use gradpool_chain::rules::Rule;
use gradpool_chain::runner::{InitialState, PERFORM_UPDATE, Pool, PoolSettings};
use gradpool_chain::{Int256, Revert};
use serde_json::{Value, json};

const UNIT: u64 = SCALE as u64;
const DAY: u64 = 86_400;
const STEPS: u64 = 8;
/// This update comes late, and this one lacks prices.
const LATE: u64 = 3;
const FEW_PRICES: u64 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name the folder to write to")?;
    let write = |name: &str, document: &Value| std::fs::write(Path::new(&folder).join(name), document.to_string());
    write("own_primitives.json", &primitives())?;
    write("own_sequences.json", &sequences()?)?;
    Ok(())
}

/// Numbers without order, the same on every machine.
struct Scatter(u64);

impl Scatter {
    fn next(&mut self) -> i128 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i128::from(self.0 >> 16)
    }
}

fn text(values: &[Int256]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn error(revert: &Revert) -> Value {
    match revert {
        Revert::Panic(panic) => json!({"kind": "Panic", "code": panic.code()}),
        Revert::Custom(custom) => json!({"kind": "custom", "name": custom.name(), "args": custom.arguments()}),
        other => json!({"kind": "Error", "reason": other.to_string()}),
    }
}

fn entry(arguments: &[Int256], result: Result<Int256, Revert>) -> Value {
    match result {
        Ok(value) => json!({"x": text(arguments), "r": value.to_string()}),
        Err(revert) => json!({"x": text(arguments), "err": error(&revert)}),
    }
}

fn primitives() -> Value {
    let mut scatter = Scatter(1);
    let mut values = vec![Int256::ZERO, ONE, Int256::new(-SCALE), Int256::MIN, Int256::MAX];
    for width in [SCALE / 1000, SCALE, 60 * SCALE, 1000 * SCALE] {
        values.push(Int256::new(scatter.next() * 1_000_003 % width));
        values.push(Int256::new(-(scatter.next() * 1_000_003 % width)));
    }
    let unary = |function: fn(Int256) -> Result<Int256, Revert>| {
        values.iter().map(|x| entry(&[*x], function(*x))).collect::<Vec<_>>()
    };
    let binary = |function: fn(Int256, Int256) -> Result<Int256, Revert>| {
        let pairs = values.iter().enumerate().map(|(index, x)| (*x, values[index * 5 % values.len()]));
        pairs.map(|(x, y)| entry(&[x, y], function(x, y))).collect::<Vec<_>>()
    };
    json!({
        "schema": "SCHEMA.md#primitives",
        "mul": binary(multiply), "div": binary(divide), "pow": binary(power), "guardPow": binary(signal_power),
        "exp": unary(exponential), "exp2": unary(exponential_base_2), "log2": unary(logarithm_base_2),
        "abs": unary(absolute),
    })
}

fn parameters(rule: Rule) -> Vec<Vec<Int256>> {
    let list = |thousandths: i128| vec![Int256::new(thousandths * (SCALE / 1000))];
    match rule {
        Rule::Momentum => vec![list(90_000), list(0)],
        Rule::AntiMomentum => vec![list(40_000)],
        Rule::PowerChannel => vec![list(900_000), list(1_700), list(1000)],
        Rule::ChannelFollowing => {
            vec![list(900), list(40), list(30), list(2_500), list(1_100), list(500), list(0)]
        }
        Rule::DifferenceMomentum => vec![list(2_500), list(600)],
        Rule::MinimumVariance => vec![list(350)],
    }
}

fn sequences() -> Result<Value, Revert> {
    let mut cases = vec![];
    for (number, rule) in Rule::ALL.into_iter().enumerate() {
        cases.push(sequence(rule, 3 + number % 3, number as u64)?);
    }
    Ok(json!({"schema": "SCHEMA.md#rule-sequences", "cases": cases}))
}

fn sequence(rule: Rule, assets: usize, seed: u64) -> Result<Value, Revert> {
    let mut scatter = Scatter(seed);
    let mut prices: Vec<i128> = (0..assets).map(|asset| (3 * asset as i128 + 1) * 7 * SCALE / 3).collect();
    let settings = PoolSettings {
        rule,
        parameters: parameters(rule),
        lambda: vec![UNIT / 100 * 91 + 7],
        epsilon_max: UNIT / 20,
        guard_rail: UNIT / 20,
        update_interval: DAY,
        oracle_staleness: DAY,
        registry: PERFORM_UPDATE,
    };
    let share = SCALE / assets as i128 / 1_000_000_000 * 1_000_000_000;
    let initial = InitialState {
        weights: vec![Int256::new(share); assets],
        moving_averages: prices.iter().map(|price| Int256::new(price / 100 * 99)).collect(),
        intermediate: prices.iter().map(|price| Int256::new(price / 50)).collect(),
        time: 1_700_000_000,
    };
    let mut pool = Pool::new(settings.clone(), &initial)?;
    let mut time = initial.time;
    let mut steps = vec![];
    for step in 0..STEPS {
        time += if step == LATE { 3 * DAY } else { DAY };
        for price in &mut prices {
            *price += *price / 1_000_000 * (scatter.next() % 100_000 - 48_000);
        }
        let mut read: Vec<Int256> = prices.iter().map(|price| Int256::new(*price)).collect();
        if step == FEW_PRICES {
            read.truncate(1);
        }
        steps.push(one_step(&mut pool, time, &read)?);
    }
    Ok(json!({
        "id": format!("{rule}_n{assets}"), "rule": rule.name(), "n": assets,
        "validParameters": rule.valid_parameters(&settings.parameters),
        "updateInterval": settings.update_interval, "lambda": [settings.lambda[0].to_string()],
        "ruleParameters": settings.parameters.iter().map(|list| text(list)).collect::<Vec<_>>(),
        "epsilonMax": settings.epsilon_max.to_string(), "absoluteWeightGuardRail": settings.guard_rail.to_string(),
        "initial": {
            "weights": text(&initial.weights), "movingAverages": text(&initial.moving_averages),
            "intermediate": text(&initial.intermediate), "time": initial.time,
        },
        "steps": steps,
    }))
}

fn one_step(pool: &mut Pool, time: u64, prices: &[Int256]) -> Result<Value, Revert> {
    let weights = text(&pool.weights_at(time)?);
    Ok(match pool.perform_update(time, prices) {
        Ok(update) => json!({
            "t": time, "p": text(prices), "w": weights,
            "ma": text(&pool.state().moving_averages(pool.assets())?),
            "st": text(&pool.state().intermediate(pool.assets())?),
            "est": text(&update.estimate), "raw": text(&update.raw), "g": text(&update.guarded),
            "m": text(&update.run.multipliers), "li": update.run.last_interpolation_time,
        }),
        Err(revert) => json!({"t": time, "p": text(prices), "w": weights, "err": error(&revert)}),
    })
}
