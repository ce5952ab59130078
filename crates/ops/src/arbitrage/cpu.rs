//! Fused loops: one pass over time per window and set, forward; stretch by stretch from kept reserves, backward.

use super::terms::Terms;
use super::trade::{Cotangents, Leg, Pool, Quotes, Trade};
use super::user_trade::UserLeg;
use super::{ArbitragePlan, CHECKPOINT_VISITS};
use crate::backend::{Real, Row, View, pieces, run, with_row};
use crate::interpolation::{Accumulator, Cursor, Walk};

/// Elementary steps of one visit, for the decision about threads.
const WORK: usize = 60;

/// Number of stretches between kept reserves.
pub(super) fn stretches(plan: &ArbitragePlan) -> usize {
    plan.windows.visits().div_ceil(CHECKPOINT_VISITS)
}

/// What an entry of the batch reads.
struct Entry<'a, F> {
    plan: &'a ArbitragePlan,
    /// First row of its window.
    start: usize,
    positions: &'a [F],
    fees: &'a [F],
}

impl<'a, F: Real> Entry<'a, F> {
    fn new(plan: &'a ArbitragePlan, entry: usize, batch: usize, positions: &'a [F], fees: &'a [F]) -> Self {
        let part = |all: &'a [F]| &all[entry * (all.len() / batch)..(entry + 1) * (all.len() / batch)];
        let start = plan.windows.starts[entry % plan.windows.starts.len()];
        Self { plan, start, positions: part(positions), fees: part(fees) }
    }

    /// Row of the price table.
    fn row(&self, visit: usize) -> usize {
        self.start + visit * self.plan.windows.layout.stride
    }

    fn prices(&self, visit: usize) -> &'a [f64] {
        let first = self.row(visit) * self.plan.windows.assets;
        &self.plan.windows.prices[first..first + self.plan.windows.assets]
    }

    /// Which of the entry's fees holds at a visit.
    fn fee_index(&self, visit: usize) -> usize {
        if self.fees.len() == 1 {
            0
        } else {
            (visit * self.plan.windows.layout.stride / self.plan.fee_rows).min(self.fees.len() - 1)
        }
    }

    /// One visit: what trading costs, shares issued or redeemed, an arbitrage at the weights of the visit before, users, and
    /// an arbitrage at its own weights.
    #[inline]
    fn meet<R: Row<f64>>(
        &self,
        (visit, cursor): (usize, Cursor),
        (before, weights): (&R, &R),
        state: &mut State<R>,
        record: &mut impl Record<R>,
    ) {
        let (inputs, row) = (&self.plan.inputs, self.row(visit));
        let row_before = visit.checked_sub(1).map(|visit| self.row(visit));
        let State { pool, quotes, terms } = state;
        self.charge(terms, visit);
        if let Some(growth) = inputs.issue(row_before, row) {
            pool.scale(growth);
        }
        if self.plan.rests_with_weights && !cursor.is_moving(&self.plan.windows.layout) {
            return;
        }
        quotes.take(self.prices(visit));
        pool.arbitrage(before, quotes, terms, |pool, trade| record.arbitrage(0, pool, trade));
        for trade in inputs.trades_since(row_before, row) {
            record.user(pool.swap(visit, trade, weights, terms));
        }
        pool.arbitrage(weights, quotes, terms, |pool, trade| record.arbitrage(1, pool, trade));
        pool.settle(terms);
    }

    /// Takes up what trading costs at a visit.
    #[inline]
    fn charge(&self, terms: &mut Terms, visit: usize) {
        if self.plan.inputs.fee_rate.is_none() {
            terms.charge(self.fees[self.fee_index(visit)].wide());
        }
        terms.take_up(&self.plan.inputs, self.row(visit));
    }
}

/// A pool on its way through the rows.
struct State<R> {
    pool: Pool<R>,
    quotes: Quotes<R>,
    terms: Terms,
}

impl<R: Row<f64>> State<R> {
    fn new(plan: &ArbitragePlan) -> Self {
        let assets = plan.windows.assets;
        Self { pool: Pool::new(assets), quotes: Quotes::new(assets), terms: Terms::new(&plan.costs) }
    }
}

/// What is kept of the trades of a visit.
trait Record<R> {
    /// The first or the second arbitrage, before it moves the reserves.
    fn arbitrage(&mut self, place: usize, pool: &Pool<R>, trade: &Trade);
    /// A user's trade.
    fn user(&mut self, leg: UserLeg<R>);
}

/// Nothing.
struct Unrecorded;

impl<R> Record<R> for Unrecorded {
    #[inline]
    fn arbitrage(&mut self, _: usize, _: &Pool<R>, _: &Trade) {}

    #[inline]
    fn user(&mut self, _: UserLeg<R>) {}
}

/// What the adjoint needs.
struct Legs<'a, R> {
    arbitrages: [Option<Leg<R>>; 2],
    users: &'a mut Vec<UserLeg<R>>,
}

impl<R: Row<f64>> Record<R> for Legs<'_, R> {
    #[inline]
    fn arbitrage(&mut self, place: usize, pool: &Pool<R>, trade: &Trade) {
        self.arbitrages[place] = Some(Leg::of(pool, trade));
    }

    fn user(&mut self, leg: UserLeg<R>) {
        self.users.push(leg);
    }
}

/// Something to do with rows of the width of the plan.
trait WithRows {
    fn run<R: Row<f64>>(self);
}

fn with_width(plan: &ArbitragePlan, work: impl WithRows) {
    fn call<F, R: Row<F> + Row<f64>>(work: impl WithRows) {
        work.run::<R>();
    }
    with_row!(plan.windows.assets, call::<f64>(work));
}

pub(super) fn forward<F: Real>(
    plan: &ArbitragePlan,
    [positions, initial, fees]: [View<'_, F>; 3],
    output: &mut [F],
    kept: &mut [f64],
) {
    let batch = positions.shape[0];
    let kept = pieces((!kept.is_empty()).then_some(kept), batch);
    let tasks = pieces(Some(output), batch).into_iter().flatten().zip(kept).enumerate().collect();
    run(
        tasks,
        batch * plan.windows.visits() * WORK,
        |(index, (output, kept)): (usize, (&mut [F], Option<&mut [f64]>))| {
            let entry = Entry::new(plan, index, batch, positions.values, fees.values);
            let initial = &initial.values[index * plan.windows.assets..(index + 1) * plan.windows.assets];
            with_width(plan, Forward { entry, initial, output, kept });
        },
    );
}

struct Forward<'a, F> {
    entry: Entry<'a, F>,
    initial: &'a [F],
    output: &'a mut [F],
    kept: Option<&'a mut [f64]>,
}

impl<F: Real> WithRows for Forward<'_, F> {
    fn run<R: Row<f64>>(self) {
        let (entry, plan) = (&self.entry, self.entry.plan);
        let assets = plan.windows.assets;
        let mut state = State::<R>::new(plan);
        for (reserve, initial) in state.pool.reserves.slice_mut().iter_mut().zip(self.initial) {
            *reserve = initial.wide();
        }
        let mut kept = self.kept.map(|kept| kept.chunks_exact_mut(assets));
        let mut samples = plan.windows.samples.iter().zip(self.output.chunks_exact_mut(assets)).peekable();
        let mut walk = Walk::<F, R>::over_rows(&plan.windows.layout, entry.positions, assets);
        let mut cursor = Cursor::at(&plan.windows.layout, 0);
        let mut weights = R::filled(0.0, assets);
        let mut before = R::filled(0.0, assets);
        walk.weights(cursor.place(&plan.windows.layout), before.slice_mut());
        for visit in 0..plan.windows.visits() {
            if visit % CHECKPOINT_VISITS == 0
                && let Some(kept) = kept.as_mut().and_then(Iterator::next)
            {
                kept.copy_from_slice(state.pool.reserves.slice());
            }
            walk.weights(cursor.place(&plan.windows.layout), weights.slice_mut());
            entry.meet((visit, cursor), (&before, &weights), &mut state, &mut Unrecorded);
            if let Some((_, output)) = samples.next_if(|(sample, _)| **sample == visit) {
                for (output, reserve) in output.iter_mut().zip(state.pool.reserves.slice()) {
                    *output = F::of(*reserve);
                }
            }
            std::mem::swap(&mut before, &mut weights);
            cursor.advance(&plan.windows.layout);
        }
    }
}

pub(super) fn backward<F: Real>(
    plan: &ArbitragePlan,
    [positions, _, fees]: [View<'_, F>; 3],
    kept: &[f64],
    cotangent: View<'_, F>,
    [to_positions, to_initial, to_fees]: [Option<&mut [F]>; 3],
) {
    let batch = positions.shape[0];
    let gradients = pieces(to_positions, batch).into_iter().zip(pieces(to_initial, batch)).zip(pieces(to_fees, batch));
    let tasks = gradients.enumerate().collect();
    run(tasks, 3 * batch * plan.windows.visits() * WORK, |(index, ((to_positions, to_initial), to_fees))| {
        let part = |values: usize| index * (values / batch)..(index + 1) * (values / batch);
        let entry = Entry::new(plan, index, batch, positions.values, fees.values);
        let (kept, cotangent) = (&kept[part(kept.len())], &cotangent.values[part(cotangent.values.len())]);
        with_width(plan, Backward { entry, kept, cotangent, to_positions, to_initial, to_fees });
    });
}

struct Backward<'a, F> {
    entry: Entry<'a, F>,
    kept: &'a [f64],
    cotangent: &'a [F],
    to_positions: Option<&'a mut [F]>,
    to_initial: Option<&'a mut [F]>,
    to_fees: Option<&'a mut [F]>,
}

/// One visit of a stretch: its weights, and the trade of each leg.
#[derive(Clone)]
struct Visit<R> {
    weights: R,
    legs: [Option<Leg<R>>; 2],
}

/// The visits between two kept reserves.
struct Stretch<R> {
    /// Weights of the visit before the first one.
    before: R,
    visits: Vec<Visit<R>>,
    /// Users' trades, in order of time.
    users: Vec<UserLeg<R>>,
}

impl<F: Real> Backward<'_, F> {
    /// Runs a stretch again.
    fn replay<R: Row<f64>>(
        &self,
        index: usize,
        state: &mut State<R>,
        walk: &mut Walk<'_, F, R>,
        stretch: &mut Stretch<R>,
    ) {
        let (entry, plan) = (&self.entry, self.entry.plan);
        let (layout, assets) = (&plan.windows.layout, plan.windows.assets);
        let first = index * CHECKPOINT_VISITS;
        state.pool.reserves.slice_mut().copy_from_slice(&self.kept[index * assets..(index + 1) * assets]);
        walk.weights(layout.place(first.saturating_sub(1)), stretch.before.slice_mut());
        stretch.visits.clear();
        stretch.users.clear();
        let mut before = stretch.before.clone();
        let mut cursor = Cursor::at(layout, first);
        for visit in first..plan.windows.visits().min(first + CHECKPOINT_VISITS) {
            let mut weights = R::filled(0.0, assets);
            walk.weights(cursor.place(layout), weights.slice_mut());
            let mut legs = Legs { arbitrages: [None, None], users: &mut stretch.users };
            entry.meet((visit, cursor), (&before, &weights), state, &mut legs);
            before.clone_from(&weights);
            stretch.visits.push(Visit { weights, legs: legs.arbitrages });
            cursor.advance(layout);
        }
    }
}

impl<F: Real> WithRows for Backward<'_, F> {
    fn run<R: Row<f64>>(mut self) {
        let plan = self.entry.plan;
        let assets = plan.windows.assets;
        let zeros = || R::filled(0.0, assets);
        let mut state = State::<R>::new(plan);
        let mut walk = Walk::<F, R>::over_rows(&plan.windows.layout, self.entry.positions, assets);
        // Gradients that nobody wants are thrown away.
        let (mut unwanted, mut to_fees) = (Vec::new(), self.to_fees.take().filter(|_| plan.inputs.fee_rate.is_none()));
        let to_positions = self.to_positions.take().unwrap_or_else(|| {
            unwanted = vec![F::ZERO; self.entry.positions.len()];
            &mut unwanted
        });
        let positions = self.entry.positions;
        let mut accumulator = Accumulator::<F, R>::over_rows(&plan.windows.layout, positions, to_positions, assets);
        let mut samples = plan.windows.samples.iter().zip(self.cotangent.chunks_exact(assets)).rev().peekable();
        let mut cotangents = Cotangents { reserves: zeros(), owed: zeros(), fee: 0.0 };
        let (mut to_weights, mut to_before) = (zeros(), zeros());
        let mut stretch = Stretch { before: zeros(), visits: Vec::with_capacity(CHECKPOINT_VISITS), users: Vec::new() };
        let mut cursor = Cursor::at(&plan.windows.layout, plan.windows.visits().saturating_sub(1));
        for index in (0..stretches(plan)).rev() {
            self.replay(index, &mut state, &mut walk, &mut stretch);
            let State { quotes, terms, .. } = &mut state;
            for (offset, now) in stretch.visits.iter().enumerate().rev() {
                let visit = index * CHECKPOINT_VISITS + offset;
                if let Some((_, found)) = samples.next_if(|(sample, _)| **sample == visit) {
                    for (cotangent, found) in cotangents.reserves.slice_mut().iter_mut().zip(found) {
                        *cotangent += found.wide();
                    }
                }
                let before = if offset == 0 { &stretch.before } else { &stretch.visits[offset - 1].weights };
                quotes.take(self.entry.prices(visit));
                self.entry.charge(terms, visit);
                cotangents.owed.clone_from(&cotangents.reserves);
                to_before.slice_mut().fill(0.0);
                if let Some(leg) = &now.legs[1] {
                    leg.adjoint(&now.weights, quotes, terms, &mut cotangents, &mut to_weights);
                }
                while let Some(user) = stretch.users.pop_if(|user| user.visit == visit) {
                    user.adjoint(&now.weights, terms, &mut cotangents, &mut to_weights);
                }
                if let Some(leg) = &now.legs[0] {
                    leg.adjoint(before, quotes, terms, &mut cotangents, &mut to_before);
                }
                let row_before = visit.checked_sub(1).map(|visit| self.entry.row(visit));
                if let Some(growth) = plan.inputs.issue(row_before, self.entry.row(visit)) {
                    cotangents.reserves.slice_mut().iter_mut().for_each(|cotangent| *cotangent *= growth);
                }
                if let Some(to_fees) = &mut to_fees {
                    to_fees[self.entry.fee_index(visit)] += F::of(cotangents.fee);
                }
                cotangents.fee = 0.0;
                accumulator.add(cursor.place(&plan.windows.layout), to_weights.slice());
                cursor.retreat(&plan.windows.layout);
                std::mem::swap(&mut to_weights, &mut to_before);
            }
        }
        // The weights before the first row are those of the first row.
        accumulator.add(plan.windows.layout.place(0), to_weights.slice());
        accumulator.finish();
        if let Some(to_initial) = self.to_initial {
            for (gradient, cotangent) in to_initial.iter_mut().zip(cotangents.reserves.slice()) {
                *gradient += F::of(*cotangent);
            }
        }
    }
}
