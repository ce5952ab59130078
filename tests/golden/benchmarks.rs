//! Bid-ask spreads of portfolios that are rebalanced on a market.

use gradpool_cli::conformance::treatment::Treatment;

use crate::common::{assert_close, shared};
use crate::subject;

/// Where our own spreads are, and which days the reference took (T4.12).
#[test]
fn spreads_are_those_of_their_days() {
    let name = "spreads";
    let Some(shared) = shared(name) else { return };
    for (case, days_off) in [("rvr_mom", 69), ("trad_hodling_index_fees", 0)] {
        let (golden, subject) = subject(&shared, case, Treatment::of(case), &[]);
        let used = golden.needed_array("aux.spread_used_daily").unwrap();
        let source = subject.config.data.source();
        let prices = gradpool_market::load(&source).unwrap();
        let spreads = gradpool_market::load_spreads(&source, *prices.grid()).unwrap();
        let into_window = golden.number(&["data", "start_idx"]).unwrap() as i64 * 60_000;
        let start_ms = golden.number(&["data", "first_unix_ms"]).unwrap() as i64 + into_window;
        let day = prices.grid().row_of(start_ms).unwrap() / 1440 - days_off;
        let found = &spreads.spreads()[day * 3..][..used.len()];
        assert_close(case, found, used, 1e-11, 0.0);
        // The files end with one row of another day.
        assert_eq!(spreads.undefined_days(), [1, 1, 1]);
    }
}
