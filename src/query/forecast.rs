//! Holt-Winters: a damped forecast whose parameters are fitted to the points.

use super::minimise::minimise;

/// The grid of first guesses for alpha, beta, gamma and phi.
const GUESSES: [f64; 2] = [0.3, 0.7];
const EPSILON: f64 = 1e-4;
/// Share of the first values in the first guesses of level and trend.
const WEIGHT: f64 = 0.5;
/// Most values that are fitted; the work grows with their number times that of the season.
const VALUES_MAX: usize = 1 << 20;
/// Parameters before the seasonal factors: alpha, beta, gamma, phi, level, trend.
const FIXED: usize = 6;

/// What a query asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Points to forecast.
    pub horizon: usize,
    /// Points of a season; below 2: none.
    pub season: usize,
    pub with_fit: bool,
    /// Nanoseconds between points.
    pub interval: i64,
}

/// Forecasts from `points`, times rising, without nulls.
pub fn forecast(wanted: Wanted, points: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let season = if wanted.season < 2 { 0 } else { wanted.season };
    if points.len() < 2 || points.len() < season || wanted.horizon == 0 || wanted.interval <= 0 {
        return Vec::new();
    }
    let Some(values) = evenly(points, wanted.interval) else {
        return Vec::new();
    };
    if values.len() < 2 || values.len() < season {
        return Vec::new();
    }
    let model = Model {
        values: &values,
        season,
    };
    let mut parameters = model.fit();
    let forecast = model.run(wanted.horizon, &mut parameters);
    let (start, skipped) = if wanted.with_fit {
        (first.0, 0)
    } else {
        (last.0.saturating_add(wanted.interval), values.len())
    };
    let times = (0_i64..).map(|n| start.saturating_add(wanted.interval.saturating_mul(n)));
    forecast
        .into_iter()
        .skip(skipped)
        .zip(times)
        .filter(|(value, _)| !value.is_nan())
        .map(|(value, time)| (time, value))
        .collect()
}

/// One value for each interval, NaN where there is none; `None`: nothing to fit, or too much.
fn evenly(points: &[(i64, f64)], interval: i64) -> Option<Vec<f64>> {
    let rounded = |time: i64| {
        let up = i64::from(time % interval > interval / 2);
        (time / interval + up).saturating_mul(interval)
    };
    let (first, last) = (points.first()?, points.last()?);
    let count = rounded(last.0).checked_sub(rounded(first.0))? / interval;
    if count <= 0 || usize::try_from(count).ok()? > VALUES_MAX {
        return None;
    }
    let mut values = vec![first.1];
    let mut time = rounded(first.0);
    for (at, value) in points.iter().skip(1) {
        let at = rounded(*at);
        if at <= time {
            continue;
        }
        time += interval;
        while time < at {
            values.push(f64::NAN);
            time += interval;
        }
        values.push(*value);
    }
    Some(values)
}

struct Model<'a> {
    values: &'a [f64],
    /// 0: no seasons.
    season: usize,
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn float(count: usize) -> f64 {
    count as f64
}

impl Model<'_> {
    fn value(&self, at: usize) -> f64 {
        self.values.get(at).copied().unwrap_or(f64::NAN)
    }

    /// First guesses; missing values are passed over.
    fn start(&self) -> Vec<f64> {
        let season = self.season;
        let (mut level, mut trend) = (0.0, 0.0);
        if season == 0 {
            level += WEIGHT * self.value(0);
            if !self.value(1).is_nan() {
                trend = WEIGHT * (self.value(1) - self.value(0));
            }
        } else {
            for at in 0..season {
                if !self.value(at).is_nan() {
                    level += (1.0 / float(season)) * self.value(at);
                }
                let rise = self.value(season + at) - self.value(at);
                if !rise.is_nan() {
                    trend += 1.0 / float(season * season) * rise;
                }
            }
        }
        let mut parameters = vec![0.0, 0.0, 0.0, 0.0, level, trend];
        parameters.extend((0..season).map(|at| match self.value(at) {
            value if value.is_nan() => 0.0,
            value => value / level,
        }));
        parameters
    }

    fn fit(&self) -> Vec<f64> {
        let start = self.start();
        let mut best: Option<(f64, Vec<f64>)> = None;
        for at in 0..GUESSES.len().pow(4) {
            let guess = |shift: u32| {
                let place = (at >> shift) & 1;
                GUESSES.get(place).copied().unwrap_or(WEIGHT)
            };
            let mut from = start.clone();
            for (slot, shift) in from.iter_mut().zip([3, 2, 1, 0]) {
                *slot = guess(shift);
            }
            let (error, parameters) = minimise(&mut |p| self.error(p), &from, EPSILON);
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, parameters));
            }
        }
        best.map_or(start, |(_, parameters)| parameters)
    }

    /// The sum of squared errors.
    fn error(&self, parameters: &mut [f64]) -> f64 {
        let forecast = self.run(0, parameters);
        let mut sum = 0.0;
        for (value, guess) in self.values.iter().zip(forecast) {
            if value.is_nan() {
                continue;
            }
            if guess.is_nan() {
                return f64::INFINITY;
            }
            sum += (guess - value) * (guess - value);
        }
        sum
    }

    /// The model's own value for each of the values, and `horizon` more. The parameters are put within
    /// their bounds and the seasonal factors move on, as InfluxDB's do.
    fn run(&self, horizon: usize, parameters: &mut [f64]) -> Vec<f64> {
        for bounded in parameters.iter_mut().take(4) {
            *bounded = bounded.clamp(0.0, 1.0);
        }
        let Some((fixed, seasonal)) = parameters.split_at_mut_checked(FIXED) else {
            return Vec::new();
        };
        let [alpha, beta, gamma, phi, level, trend] = *fixed else {
            return Vec::new();
        };
        let (mut level, mut trend) = (level, trend);
        let mut damping = phi;
        let mut value = self.value(0);
        let mut out = vec![value];
        let season = seasonal.len();
        let mut shift = season.saturating_sub(1);
        let factor =
            |seasonal: &[f64], at: usize| seasonal.get(at % season.max(1)).copied().unwrap_or(1.0);
        for step in 1..self.values.len().saturating_add(horizon) {
            // (step - season) may be below 0; whole seasons more don't change the place in the ring.
            let (now, then) = if season == 0 {
                (1.0, 1.0)
            } else {
                (
                    factor(seasonal, step + shift),
                    factor(seasonal, step + step % season + shift),
                )
            };
            let before = level;
            level = alpha * (value / now) + (1.0 - alpha) * (before + phi * trend);
            let base = before + phi * trend;
            trend = beta * (level - before) + (1.0 - beta) * phi * trend;
            let next_factor = gamma * (value / base) + (1.0 - gamma) * now;
            value = (level + damping * trend) * then;
            damping += phi.powi(i32::try_from(step).unwrap_or(i32::MAX));
            if season > 0 {
                if let Some(slot) = seasonal.get_mut((step + shift) % season) {
                    *slot = next_factor;
                }
                shift += 1;
            }
            out.push(value);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted {
        horizon: 3,
        season: 0,
        with_fit: false,
        interval: 10,
    };

    #[test]
    fn a_straight_line_goes_on() {
        let points: Vec<(i64, f64)> = (1..20).map(|n| (n * 10, n as f64 * 2.0)).collect();
        let out = forecast(WANTED, &points);
        let times: Vec<i64> = out.iter().map(|point| point.0).collect();
        assert_eq!(times, [200, 210, 220]);
        let next = out[0].1;
        assert!((next - 40.0).abs() < 4.0, "{next}");
    }

    #[test]
    fn the_fit_starts_with_the_first_point() {
        let points: Vec<(i64, f64)> = (1..20).map(|n| (n * 10, (n % 4) as f64 + 5.0)).collect();
        let wanted = Wanted {
            season: 4,
            with_fit: true,
            ..WANTED
        };
        let out = forecast(wanted, &points);
        assert_eq!(out.len(), 19 + 3);
        assert_eq!(out[0].0, 10);
    }

    #[test]
    fn too_few_points_forecast_nothing() {
        assert!(forecast(WANTED, &[]).is_empty());
        assert!(forecast(WANTED, &[(10, 1.0)]).is_empty());
        let wanted = Wanted {
            season: 5,
            ..WANTED
        };
        assert!(forecast(wanted, &[(10, 1.0), (20, 2.0)]).is_empty());
    }
}
