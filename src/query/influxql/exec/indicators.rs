//! Technical analysis: moving averages and oscillators over a row of values.
//!
//! Each indicator takes values one by one and answers with its own value at that point; it is held back
//! until it has seen enough of them ([`warm_count`](State::warm_count), or what the query says).

use super::super::functions::{Indicator, IndicatorKind, Warmup};
use super::super::value::Value;
use super::points::Point;

/// The indicator's values at the points after its hold period; `points` without nulls.
pub fn indicate<'a>(indicator: &Indicator, points: impl Iterator<Item = &'a Point>) -> Vec<Point> {
    let mut state = State::new(indicator);
    let hold = indicator.hold.unwrap_or_else(|| state.warm_count());
    let mut out = Vec::new();
    let values = points.filter_map(|point| Some((point.time, point.value.as_f64()?)));
    for (at, (time, value)) in values.enumerate() {
        let result = state.add(value);
        if at >= hold && !result.is_infinite() {
            out.push(Point::computed(time, Value::Float(result)));
        }
    }
    out
}

enum State {
    Ema(Ema),
    Dema(Ema, Ema),
    Tema(Ema, Ema, Ema),
    Trix(Box<Trix>),
    Rsi(Swings),
    Efficiency(Efficiency),
    Adaptive(Adaptive),
    Momentum(Momentum),
    SmoothMomentum(Swings),
}

impl State {
    fn new(indicator: &Indicator) -> Self {
        let (period, warmup) = (indicator.period, indicator.warmup);
        let ema = || Ema::new(period, warmup);
        match indicator.kind {
            IndicatorKind::Exponential => Self::Ema(ema()),
            IndicatorKind::DoubleExponential => Self::Dema(ema(), ema()),
            IndicatorKind::TripleExponential => Self::Tema(ema(), ema(), ema()),
            IndicatorKind::TripleExponentialDerivative => Self::Trix(Box::new(Trix {
                averages: [ema(), ema(), ema()],
                last: 0.0,
            })),
            IndicatorKind::RelativeStrength => Self::Rsi(Swings::new(period, warmup)),
            IndicatorKind::EfficiencyRatio => Self::Efficiency(Efficiency::new(period)),
            IndicatorKind::Adaptive => Self::Adaptive(Adaptive {
                efficiency: Efficiency::new(period),
                last: 0.0,
            }),
            IndicatorKind::ChandeMomentum if warmup == Warmup::None => {
                Self::Momentum(Momentum::new(period))
            }
            IndicatorKind::ChandeMomentum => Self::SmoothMomentum(Swings::new(period, warmup)),
        }
    }

    /// Values that must be seen before the first one that means something.
    fn warm_count(&self) -> usize {
        // Averages of averages are warm together unless each waits for the one before.
        let chained = |ema: &Ema, count: usize| match ema.warmup {
            Warmup::Simple => ema.warm_count() * count,
            _ => ema.warm_count(),
        };
        match self {
            Self::Ema(ema) => ema.warm_count(),
            Self::Dema(ema, _) => chained(ema, 2),
            Self::Tema(ema, _, _) => chained(ema, 3),
            Self::Trix(trix) => {
                let [first, ..] = &trix.averages;
                chained(first, 3) + 1
            }
            Self::Rsi(swings) | Self::SmoothMomentum(swings) => swings.up.warm_count(),
            Self::Efficiency(efficiency) => efficiency.window.len(),
            Self::Adaptive(adaptive) => adaptive.efficiency.window.len(),
            Self::Momentum(momentum) => momentum.window.len(),
        }
    }

    fn add(&mut self, value: f64) -> f64 {
        match self {
            Self::Ema(ema) => ema.add(value),
            Self::Dema(one, two) => {
                let first = one.add(value);
                let second = two.after(one, first);
                2.0 * first - second
            }
            Self::Tema(one, two, three) => {
                let first = one.add(value);
                let second = two.after(one, first);
                let third = three.after(two, second);
                3.0 * first - 3.0 * second + third
            }
            Self::Trix(trix) => trix.add(value),
            Self::Rsi(swings) => {
                swings.add(value);
                100.0 - 100.0 / (1.0 + swings.up.last / swings.down.last)
            }
            Self::SmoothMomentum(swings) => {
                swings.add(value);
                let (up, down) = (swings.up.last, swings.down.last);
                100.0 * ((up - down) / (up + down))
            }
            Self::Efficiency(efficiency) => efficiency.add(value),
            Self::Adaptive(adaptive) => adaptive.add(value),
            Self::Momentum(momentum) => momentum.add(value),
        }
    }
}

/// An exponential moving average.
struct Ema {
    period: usize,
    last: f64,
    /// Values seen, up to `period`.
    count: usize,
    alpha: f64,
    warmup: Warmup,
}

#[expect(clippy::cast_precision_loss, reason = "periods are small")]
fn float(count: usize) -> f64 {
    count as f64
}

impl Ema {
    fn new(period: usize, warmup: Warmup) -> Self {
        Self {
            period,
            last: 0.0,
            count: 0,
            alpha: 2.0 / float(period.saturating_add(1)),
            warmup,
        }
    }

    const fn warm_count(&self) -> usize {
        self.period.saturating_sub(1)
    }

    const fn is_warm(&self) -> bool {
        self.count == self.period
    }

    fn add(&mut self, value: f64) -> f64 {
        let next = if self.count == 0 {
            value
        } else if self.is_warm() {
            (value - self.last) * self.alpha + self.last
        } else if self.warmup == Warmup::Simple {
            (self.last * float(self.count) + value) / float(self.count + 1)
        } else {
            // A larger share while there are few values, so that the first one does not outweigh them.
            let alpha = 2.0 / float(self.count + 2);
            (value - self.last) * alpha + self.last
        };
        self.last = next;
        self.count = (self.count + 1).min(self.period);
        next
    }

    /// Adds another average's value, once that one may be believed.
    fn after(&mut self, before: &Self, value: f64) -> f64 {
        if before.is_warm() || before.warmup != Warmup::Simple {
            self.add(value)
        } else {
            value
        }
    }
}

struct Trix {
    averages: [Ema; 3],
    last: f64,
}

impl Trix {
    /// The change of the triple average in percent.
    fn add(&mut self, value: f64) -> f64 {
        let [one, two, three] = &mut self.averages;
        let first = one.add(value);
        let mut current = first;
        if one.is_warm() || one.warmup != Warmup::Simple {
            current = two.add(first);
            if two.is_warm() || two.warmup != Warmup::Simple {
                current = three.add(current);
            }
        }
        let rate = (current / self.last - 1.0) * 100.0;
        self.last = current;
        rate
    }
}

/// Averages of the rises and of the falls.
struct Swings {
    up: Ema,
    down: Ema,
    last: f64,
}

impl Swings {
    fn new(period: usize, warmup: Warmup) -> Self {
        let ema = || {
            let mut ema = Ema::new(period.saturating_add(1), warmup);
            ema.alpha = 1.0 / float(period);
            ema
        };
        Self {
            up: ema(),
            down: ema(),
            last: 0.0,
        }
    }

    fn add(&mut self, value: f64) {
        self.up.add((value - self.last).max(0.0));
        self.down.add((self.last - value).max(0.0));
        self.last = value;
    }
}

/// A value and its distance from the one before.
#[derive(Clone, Copy, Default)]
struct Step {
    value: f64,
    change: f64,
}

/// The last values, in a ring.
struct Window {
    steps: Vec<Step>,
    newest: usize,
    seen: usize,
}

/// Longest window; more values than a query may hold.
const WINDOW_MAX: usize = 1 << 24;

impl Window {
    fn new(length: usize) -> Self {
        Self {
            steps: vec![Step::default(); length.clamp(1, WINDOW_MAX)],
            newest: 0,
            seen: 0,
        }
    }

    const fn len(&self) -> usize {
        self.steps.len()
    }

    fn newest(&self) -> Step {
        self.steps.get(self.newest).copied().unwrap_or_default()
    }

    /// Puts a step in the place of the oldest, which is given back.
    fn push(&mut self, step: Step) -> Step {
        self.newest = (self.newest + 1) % self.steps.len().max(1);
        self.seen = self.seen.saturating_add(1);
        match self.steps.get_mut(self.newest) {
            Some(place) => std::mem::replace(place, step),
            None => Step::default(),
        }
    }
}

/// Kaufman's efficiency ratio: the way made, by the way gone.
struct Efficiency {
    window: Window,
    noise: f64,
}

impl Efficiency {
    fn new(period: usize) -> Self {
        Self {
            window: Window::new(period),
            noise: 0.0,
        }
    }

    fn is_warm(&self) -> bool {
        self.window.seen > self.window.len()
    }

    fn add(&mut self, value: f64) -> f64 {
        let change = (value - self.window.newest().value).abs();
        let oldest = self.window.push(Step { value, change });
        let signal = (value - oldest.value).abs();
        self.noise -= oldest.change;
        self.noise += change;
        if signal == 0.0 || self.noise == 0.0 {
            0.0
        } else {
            signal / self.noise
        }
    }
}

/// Kaufman's adaptive moving average.
struct Adaptive {
    efficiency: Efficiency,
    last: f64,
}

impl Adaptive {
    fn add(&mut self, value: f64) -> f64 {
        const FAST: f64 = 2.0 / (2.0 + 1.0);
        const SLOW: f64 = 2.0 / (30.0 + 1.0);
        if !self.efficiency.is_warm() {
            self.last = self.efficiency.window.newest().value;
        }
        let share = (self.efficiency.add(value) * (FAST - SLOW) + SLOW).powi(2);
        self.last += share * (value - self.last);
        self.last
    }
}

/// The Chande momentum oscillator over plain sums.
struct Momentum {
    window: Window,
    up: f64,
    down: f64,
}

impl Momentum {
    fn new(period: usize) -> Self {
        Self {
            window: Window::new(period.saturating_sub(1)),
            up: 0.0,
            down: 0.0,
        }
    }

    fn add(&mut self, value: f64) -> f64 {
        let mut change = 0.0;
        if self.window.seen > 0 {
            change = value - self.window.newest().value;
            if change > 0.0 {
                self.up += change;
            } else {
                self.down -= change;
            }
        }
        let result = if self.up != 0.0 || self.down != 0.0 {
            100.0 * ((self.up - self.down) / (self.up + self.down))
        } else {
            0.0
        };
        let oldest = self.window.push(Step { value, change });
        if oldest.change > 0.0 {
            self.up -= oldest.change;
        } else {
            self.down += oldest.change;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kind: IndicatorKind, period: usize, warmup: Warmup, values: &[f64]) -> Vec<(i64, f64)> {
        let indicator = Indicator {
            kind,
            period,
            hold: None,
            warmup,
        };
        let points: Vec<Point> = (0..)
            .zip(values)
            .map(|(at, value)| Point::computed(at, Value::Float(*value)))
            .collect();
        indicate(&indicator, points.iter())
            .into_iter()
            .filter_map(|point| Some((point.time, point.value.as_f64()?)))
            .collect()
    }

    const RAMP: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

    #[test]
    fn averages_start_when_they_are_warm() {
        let out = run(IndicatorKind::Exponential, 3, Warmup::Simple, &RAMP);
        assert_eq!(out, [(2, 2.0), (3, 3.0), (4, 4.0), (5, 5.0)]);
        let out = run(IndicatorKind::DoubleExponential, 2, Warmup::Simple, &RAMP);
        assert_eq!(out.first().map(|first| first.0), Some(2));
    }

    #[test]
    fn a_steady_rise_is_efficient_and_all_momentum() {
        let out = run(IndicatorKind::EfficiencyRatio, 2, Warmup::None, &RAMP);
        assert!(
            out.iter().all(|(_, ratio)| (ratio - 1.0).abs() < 1e-12),
            "{out:?}"
        );
        let out = run(IndicatorKind::ChandeMomentum, 3, Warmup::None, &RAMP);
        assert_eq!(out.last(), Some(&(5, 100.0)));
        let out = run(
            IndicatorKind::RelativeStrength,
            2,
            Warmup::Exponential,
            &RAMP,
        );
        assert_eq!(out.last(), Some(&(5, 100.0)));
    }

    #[test]
    fn any_period_is_survived() {
        for kind in IndicatorKind::ALL {
            for period in [1, 2, 1000, usize::MAX] {
                for warmup in [Warmup::None, Warmup::Simple, Warmup::Exponential] {
                    run(kind, period, warmup, &RAMP);
                }
            }
        }
    }
}
