//! Fixed-point functions and packed words.

use crate::fixed_point::{
    absolute, divide, exponential, exponential_base_2, logarithm_base_2, multiply, power, signal_power,
};
use crate::packing::{pack_array, pack_nine_decimals, unpack_array, unpack_nine_decimals};
use crate::{Int256, Revert};

use super::VectorError;
use super::tally::Tally;
use super::value::Node;

pub(super) fn verify_primitives(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    type Unary = fn(Int256) -> Result<Int256, Revert>;
    type Binary = fn(Int256, Int256) -> Result<Int256, Revert>;
    let unary: [(&str, Unary); 4] =
        [("exp", exponential), ("exp2", exponential_base_2), ("log2", logarithm_base_2), ("abs", absolute)];
    let binary: [(&str, Binary); 4] = [("mul", multiply), ("div", divide), ("pow", power), ("guardPow", signal_power)];
    for (name, function) in unary {
        for entry in root.get(name)?.items()? {
            let arguments = entry.get("x")?;
            let x = arguments.items()?.first().map_or_else(|| arguments.integer(), Node::integer)?;
            tally.outcome(&entry, "r", function(x));
        }
    }
    for (name, function) in binary {
        for entry in root.get(name)?.items()? {
            let arguments = entry.get("x")?;
            let [x, y] = arguments.integers()?[..] else {
                return Err(VectorError::Malformed {
                    at: arguments.path,
                    problem: "expected two arguments".to_owned(),
                });
            };
            tally.outcome(&entry, "r", function(x, y));
        }
    }
    Ok(())
}

pub(super) fn verify_packing(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for entry in root.get("pack32")?.items()? {
        let values = entry.get("in")?.integers()?;
        let packed = pack_nine_decimals(&values);
        let unpacked = packed.clone().and_then(|words| unpack_nine_decimals(&words, values.len()));
        tally.outcome(&entry.get("packed")?, "r", packed);
        tally.outcome(&entry.get("roundtrip")?, "r", unpacked);
    }
    for entry in root.get("pack128")?.items()? {
        let values = entry.get("in")?.integers()?;
        let packed = pack_array(&values);
        let unpacked = packed.clone().and_then(|words| unpack_array(&words, values.len()));
        tally.outcome(&entry.get("packed")?, "r", packed);
        tally.outcome(&entry.get("roundtrip")?, "r", unpacked);
    }
    Ok(())
}
