//! Time, medians, and the table.

use std::time::{Duration, Instant};

/// What one comparison gave, as medians of its rounds.
pub struct Line {
    pub name: String,
    pub baton: String,
    pub peer: String,
    pub ratio: f64,
    /// What the ratio should be, where the design says so.
    pub goal: &'static str,
}

/// How long `work` takes.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The middle of some figures, by their order.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Runs both sides `rounds` times, the first one changing, and returns the medians of what each side gave
/// and of the ratios inside the rounds.
pub fn in_turn(
    rounds: usize,
    mut baton: impl FnMut() -> f64,
    mut peer: impl FnMut() -> f64,
) -> (f64, f64, f64) {
    // The first runs grow files and warm caches.
    baton();
    peer();
    let pairs: Vec<(f64, f64)> = (0..rounds)
        .map(|round| {
            if round % 2 == 0 {
                let first = baton();
                (first, peer())
            } else {
                let first = peer();
                (baton(), first)
            }
        })
        .collect();
    let of = |figure: fn(&(f64, f64)) -> f64| median(pairs.iter().map(figure).collect());
    (of(|pair| pair.0), of(|pair| pair.1), of(|pair| pair.0 / pair.1))
}

#[expect(clippy::print_stdout, reason = "the table is what this bench is for")]
pub fn print_table(peer: &str, lines: &[Line]) {
    println!("{:<46} {:>12} {peer:>12} {:>7}  goal", "", "baton", "ratio");
    for Line { name, baton, peer, ratio, goal } in lines {
        println!("{name:<46} {baton:>12} {peer:>12} {ratio:>7.2}  {goal}");
    }
}
