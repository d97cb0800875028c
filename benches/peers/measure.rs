//! Time, medians, and the table.

use std::time::{Duration, Instant};

/// What one comparison gave.
pub struct Line {
    pub name: String,
    pub unit: Unit,
    pub pairs: Pairs,
    /// What the ratio should be, where the design says so.
    pub goal: Option<Goal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Microseconds,
    PerSecond,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Microseconds => "us",
            Self::PerSecond => "/s",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// What Baton and the peer gave, round by round.
pub struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    pub fn rounds(&self) -> usize {
        self.0.len()
    }

    pub fn baton(&self) -> Vec<f64> {
        self.0.iter().map(|pair| pair.0).collect()
    }

    pub fn peer(&self) -> Vec<f64> {
        self.0.iter().map(|pair| pair.1).collect()
    }

    /// A round's figure is the ratio inside it, since whatever else the machine does hits both sides.
    pub fn ratios(&self) -> Vec<f64> {
        self.0.iter().map(|pair| pair.0 / pair.1).collect()
    }
}

/// How long `work` takes.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The middle of some figures, by their order.
pub fn median(figures: Vec<f64>) -> f64 {
    quarters(figures)[1]
}

/// The figures a quarter, half and three quarters of the way through their order.
pub fn quarters(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_unstable_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| figures[(figures.len() * quarter / 4).min(figures.len() - 1)])
}

/// Runs both sides `rounds` times, the first one changing.
pub fn in_turn(rounds: usize, mut baton: impl FnMut() -> f64, mut peer: impl FnMut() -> f64) -> Pairs {
    // The first runs grow files and warm caches.
    baton();
    peer();
    let round = |round: usize| {
        if round.is_multiple_of(2) {
            let first = baton();
            (first, peer())
        } else {
            let first = peer();
            (baton(), first)
        }
    };
    Pairs((0..rounds).map(round).collect())
}

#[expect(clippy::print_stdout, reason = "the table is what this bench is for")]
pub fn print_table(peer: &str, lines: &[Line]) {
    println!("{:<46} {:>12} {peer:>12} {:>7}  goal", "", "baton", "ratio");
    for Line { name, unit, pairs, goal } in lines {
        let figure = |figures: Vec<f64>| match unit {
            Unit::Microseconds => format!("{:.0} us", median(figures)),
            Unit::PerSecond => format!("{:.0}/s", median(figures)),
        };
        let (baton, peer, ratio) = (figure(pairs.baton()), figure(pairs.peer()), median(pairs.ratios()));
        let goal = match goal {
            None => String::new(),
            Some(Goal::AtLeast(least)) => format!(">= {least}"),
            Some(Goal::AtMost(most)) => format!("<= {most}"),
        };
        println!("{name:<46} {baton:>12} {peer:>12} {ratio:>7.2}  {goal}");
    }
}
