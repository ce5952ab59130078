//! Swaps, invariants and balances.

use crate::weighted_math::{Rounding, Swap, SwapKind, balance_for_invariant_ratio, invariant};

use super::VectorError;
use super::tally::Tally;
use super::value::Node;

/// Why an entry without weights is left out.
const NO_WEIGHTS: &str = "the pool's interpolation reverted, and the file does not hold the stored weights";

pub(super) fn verify(root: &Node<'_>, tally: &mut Tally) -> Result<(), VectorError> {
    for entry in root.get("swaps")?.items()? {
        let weights = entry.get("weightsAt")?;
        if weights.is_null() {
            tally.skip(NO_WEIGHTS);
            continue;
        }
        let kind = entry.get("kind")?;
        let kind = match kind.text()? {
            "EXACT_IN" => SwapKind::ExactIn,
            "EXACT_OUT" => SwapKind::ExactOut,
            other => {
                let problem = format!("unknown kind {other:?}; known are EXACT_IN, EXACT_OUT");
                return Err(VectorError::Malformed { at: kind.path, problem });
            }
        };
        let swap = Swap {
            kind,
            amount: entry.get("amountGiven")?.unsigned()?,
            balances: &entry.get("balances")?.unsigneds()?,
            weights: &weights.integers()?,
            index_in: entry.get("indexIn")?.size()?,
            index_out: entry.get("indexOut")?.size()?,
            maximum_trade_size_ratio: entry.get("maxTradeSizeRatio")?.setting()?,
        };
        tally.outcome(&entry, "r", swap.amount_calculated());
    }
    for entry in root.get("invariants")?.items()? {
        let weights = entry.get("weightsAt")?;
        if weights.is_null() {
            tally.skip(NO_WEIGHTS);
            continue;
        }
        let weights = weights.integers()?;
        let balances = entry.get("balances")?.unsigneds()?;
        tally.outcome(&entry.get("up")?, "r", invariant(&balances, &weights, Rounding::Up));
        tally.outcome(&entry.get("down")?, "r", invariant(&balances, &weights, Rounding::Down));
        let token = entry.get("tokenIndex")?;
        let index = token.size()?;
        let (Some(balance), Some(weight)) = (balances.get(index), weights.get(index)) else {
            return Err(VectorError::Malformed { at: token.path, problem: "there is no such token".to_owned() });
        };
        let ratio = entry.get("invariantRatio")?.unsigned()?;
        tally.outcome(
            &entry.get("computeBalance")?,
            "r",
            balance_for_invariant_ratio(*balance, weight.to_bits(), ratio),
        );
    }
    Ok(())
}
