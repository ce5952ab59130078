//! What trading costs at one row, in the form that the arithmetic needs.

use super::{Costs, RowInputs};

/// [`Costs`] at one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub fee: f64,
    pub gamma: f64,
    pub inverse_gamma: f64,
    /// `-ln gamma`.
    pub gap: f64,
    pub gas: f64,
    pub half_arbitrage_fee: f64,
    /// Noise traders' income per unit of fee, as a share of what enters the pool.
    pub noise_per_fee: f64,
    /// Share of the fee that the protocol takes.
    pub protocol_share: f64,
    /// Whether the protocol takes its share at the end of the row only.
    pub defers_protocol: bool,
    pairs_only: bool,
}

impl Terms {
    pub(super) fn new(costs: &Costs) -> Self {
        let left = if costs.dynamic_form { 1.0 } else { 1.0 - costs.protocol_fee_share };
        let mut terms = Self {
            fee: f64::NAN,
            gamma: 1.0,
            inverse_gamma: 1.0,
            gap: 0.0,
            gas: costs.gas_cost,
            half_arbitrage_fee: 0.5 * costs.arbitrage_fee,
            noise_per_fee: costs.noise_trader_ratio * left,
            protocol_share: costs.protocol_fee_share,
            defers_protocol: costs.dynamic_form,
            pairs_only: costs.pairs_only,
        };
        terms.charge(costs.fee_rate);
        terms
    }

    /// Takes up another swap fee.
    #[inline]
    pub(super) fn charge(&mut self, fee: f64) {
        if fee != self.fee {
            self.fee = fee;
            self.gamma = 1.0 - fee;
            self.inverse_gamma = 1.0 / (1.0 - fee);
            self.gap = -(-fee).ln_1p();
        }
    }

    /// Takes up the costs of a row that have a series.
    #[inline]
    pub(super) fn take_up(&mut self, inputs: &RowInputs, row: usize) {
        if let Some(series) = &inputs.fee_rate {
            self.charge(series[row]);
        }
        if let Some(series) = &inputs.gas_cost {
            self.gas = series[row];
        }
        if let Some(series) = &inputs.arbitrage_fee {
            self.half_arbitrage_fee = 0.5 * series[row];
        }
    }

    /// Without a fee all tokens are traded at once.
    pub(super) fn pairs_only(&self) -> bool {
        self.pairs_only && self.gap > 0.0
    }

    pub(super) fn has_gates(&self) -> bool {
        self.gas > 0.0 || self.half_arbitrage_fee > 0.0
    }

    /// Noise traders' income as a share of what enters the pool.
    pub(super) fn noise(&self) -> f64 {
        self.noise_per_fee * self.fee
    }

    /// Protocol fee as a share of what enters the pool.
    pub(super) fn protocol(&self) -> f64 {
        self.protocol_share * self.fee
    }
}
