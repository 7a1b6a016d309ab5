//! The downhill simplex method of Nelder and Mead.

const ITERATIONS_MAX: usize = 1000;
const REFLECTION: f64 = 1.0;
const CONTRACTION: f64 = 0.5;
const EXPANSION: f64 = 2.0;

type Objective<'a> = &'a mut dyn FnMut(&mut [f64]) -> f64;

/// The least value found near `start`, and where. `objective` may move the place it is asked for.
pub fn minimise(objective: Objective<'_>, start: &[f64], epsilon: f64) -> (f64, Vec<f64>) {
    let mut simplex = Simplex::around(start, objective);
    for _ in 0..ITERATIONS_MAX {
        simplex.step(objective);
        if simplex.spread() < epsilon {
            break;
        }
    }
    let best = simplex.extremes().0;
    let place = simplex.place(best);
    let value = objective(&mut place.clone());
    (value, place)
}

struct Simplex {
    places: Vec<Vec<f64>>,
    values: Vec<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "dimensions are few")]
fn float(count: usize) -> f64 {
    count as f64
}

impl Simplex {
    fn around(start: &[f64], objective: Objective<'_>) -> Self {
        let n = float(start.len());
        let far = ((n + 1.0).sqrt() - 1.0 + n) / (n * 2.0_f64.sqrt());
        let near = ((n + 1.0).sqrt() - 1.0) / (n * 2.0_f64.sqrt());
        let mut places = vec![start.to_vec()];
        for axis in 0..start.len() {
            let moved = start.iter().enumerate();
            places.push(
                moved
                    .map(|(at, value)| {
                        if at == axis {
                            far + value
                        } else {
                            near + value
                        }
                    })
                    .collect(),
            );
        }
        let values = places.iter_mut().map(|place| objective(place)).collect();
        Self { places, values }
    }

    fn value(&self, at: usize) -> f64 {
        self.values.get(at).copied().unwrap_or(f64::INFINITY)
    }

    fn place(&self, at: usize) -> Vec<f64> {
        self.places.get(at).cloned().unwrap_or_default()
    }

    fn put(&mut self, at: usize, place: Vec<f64>, value: f64) {
        if let (Some(have), Some(known)) = (self.places.get_mut(at), self.values.get_mut(at)) {
            *have = place;
            *known = value;
        }
    }

    /// The best and the worst vertex.
    fn extremes(&self) -> (usize, usize) {
        let (mut best, mut worst) = (0, 0);
        for at in 0..self.values.len() {
            if self.value(at) > self.value(worst) {
                worst = at;
            }
            if self.value(at) < self.value(best) {
                best = at;
            }
        }
        (best, worst)
    }

    /// The worst but one.
    fn second_worst(&self, best: usize, worst: usize) -> usize {
        let mut second = best;
        for at in 0..self.values.len() {
            if self.value(at) > self.value(second) && self.value(at) < self.value(worst) {
                second = at;
            }
        }
        second
    }

    /// The middle of all vertices but one.
    fn centre_without(&self, left_out: usize) -> Vec<f64> {
        let dimensions = self.places.first().map_or(0, Vec::len);
        let mut sum = vec![0.0; dimensions];
        for (at, place) in self.places.iter().enumerate() {
            if at != left_out {
                for (sum, value) in sum.iter_mut().zip(place) {
                    *sum += value;
                }
            }
        }
        sum.iter().map(|sum| sum / float(dimensions)).collect()
    }

    fn step(&mut self, objective: Objective<'_>) {
        let (best, worst) = self.extremes();
        let second = self.second_worst(best, worst);
        let centre = self.centre_without(worst);
        let along = |from: &[f64], to: &[f64], share: f64| -> Vec<f64> {
            let pairs = from.iter().zip(to);
            pairs.map(|(from, to)| from + share * (to - from)).collect()
        };
        let worst_place = self.place(worst);
        let mut reflected: Vec<f64> = centre
            .iter()
            .zip(&worst_place)
            .map(|(centre, worst)| centre + REFLECTION * (centre - worst))
            .collect();
        let at_reflected = objective(&mut reflected);
        if at_reflected < self.value(second) && at_reflected >= self.value(best) {
            self.put(worst, reflected.clone(), at_reflected);
        }
        if at_reflected < self.value(best) {
            let mut expanded = along(&centre, &reflected, EXPANSION);
            let at_expanded = objective(&mut expanded);
            if at_expanded < at_reflected {
                self.put(worst, expanded, at_expanded);
            } else {
                self.put(worst, reflected.clone(), at_reflected);
            }
        }
        if at_reflected >= self.value(second) {
            let outside = at_reflected < self.value(worst);
            let mut contracted = if outside {
                along(&centre, &reflected, CONTRACTION)
            } else {
                centre
                    .iter()
                    .zip(&self.place(worst))
                    .map(|(centre, worst)| centre - CONTRACTION * (centre - worst))
                    .collect()
            };
            let at_contracted = objective(&mut contracted);
            if at_contracted < self.value(worst) {
                self.put(worst, contracted, at_contracted);
            } else {
                self.shrink(best);
                for at in [worst, second] {
                    let mut place = self.place(at);
                    let value = objective(&mut place);
                    self.put(at, place, value);
                }
            }
        }
    }

    /// Halves the distance of all vertices to the best.
    fn shrink(&mut self, best: usize) {
        let goal = self.place(best);
        for (at, place) in self.places.iter_mut().enumerate() {
            if at != best {
                for (value, goal) in place.iter_mut().zip(&goal) {
                    *value = goal + (*value - goal) / 2.0;
                }
            }
        }
    }

    /// How far the values lie apart.
    fn spread(&self) -> f64 {
        let count = float(self.values.len());
        let mean = self.values.iter().sum::<f64>() / count;
        let squares = self.values.iter().map(|value| (value - mean).powi(2));
        squares
            .map(|square| square / (count - 1.0))
            .sum::<f64>()
            .sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bowl_is_descended() {
        let mut bowl = |p: &mut [f64]| (p[0] - 3.0).powi(2) + (p[1] + 1.0).powi(2);
        let (value, place) = minimise(&mut bowl, &[0.0, 0.0], 1e-10);
        assert!(value < 1e-8, "{value}");
        assert!((place[0] - 3.0).abs() < 1e-3 && (place[1] + 1.0).abs() < 1e-3);
    }

    #[test]
    fn values_that_are_no_numbers_end_it() {
        let mut nothing = |_: &mut [f64]| f64::NAN;
        assert!(minimise(&mut nothing, &[1.0], 1e-4).0.is_nan());
    }
}
