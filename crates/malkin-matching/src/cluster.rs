//! Order of samples by similarity: complete-linkage clustering, leaves of the dendrogram from left to right.
//!
//! Distances tie often (everything unrelated is 100 apart), and the order of the reference depends on how ties fall. So this is
//! the nearest-neighbour chain of the fastcluster library, step by step, and not just any complete linkage.

/// Leaves from left to right for a symmetric matrix of distances, row by row (`count` squared of them). The diagonal is not
/// looked at. Distances that are no numbers are taken as infinitely far.
pub fn leaf_order(distances: &[f64], count: usize) -> Vec<usize> {
    assert!(count.checked_mul(count) == Some(distances.len()), "a matrix is as wide as it is high");
    let mut chain = Chain::new(distances, count);
    let mut merges: Vec<Merge> = (1..count).map(|_| chain.merge()).collect();
    merges.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    leaves(&merges, count)
}

/// Two clusters, each named by one of its rows, become one.
struct Merge {
    distance: f64,
    a: usize,
    b: usize,
}

struct Chain {
    count: usize,
    distances: Vec<f64>,
    /// Rows that stand for a cluster, ascending.
    active: Vec<usize>,
    path: Vec<usize>,
    tip: usize,
}

impl Chain {
    fn new(distances: &[f64], count: usize) -> Self {
        let distances = distances.iter().map(|d| if d.is_nan() { f64::INFINITY } else { *d }).collect();
        Self { count, distances, active: (0..count).collect(), path: vec![0; count + 2], tip: 0 }
    }

    fn distance(&self, a: usize, b: usize) -> f64 {
        self.distances[a * self.count + b]
    }

    /// Follows nearest neighbours until two rows are each other's, and merges these. Needs two active rows.
    fn merge(&mut self) -> Merge {
        let (mut near, mut row) = self.start();
        let mut best = self.distance(near, row);
        loop {
            if self.path.len() <= self.tip + 1 {
                self.path.resize(self.tip + 2, 0);
            }
            self.path[self.tip] = row;
            // The predecessor stays unless another row is strictly nearer; the first such row wins.
            for other in self.active.iter().copied().filter(|other| *other != row) {
                let distance = self.distances[row * self.count + other];
                if distance < best {
                    (best, near) = (distance, other);
                }
            }
            (near, row) = (self.path[self.tip], near);
            self.tip += 1;
            if row == self.path[self.tip - 2] {
                break;
            }
        }
        self.join(near, row);
        Merge { distance: best, a: near, b: row }
    }

    /// The two rows to start from: the last ones of the chain that are left, or the first active row and its nearest.
    fn start(&mut self) -> (usize, usize) {
        if self.tip > 3 {
            self.tip -= 3;
            return (self.path[self.tip - 1], self.path[self.tip]);
        }
        let first = self.active[0];
        let mut nearest = self.active[1];
        for other in &self.active[2..] {
            if self.distance(first, *other) < self.distance(first, nearest) {
                nearest = *other;
            }
        }
        self.path[0] = first;
        self.tip = 1;
        (first, nearest)
    }

    /// The larger row stands for both from now on, at the larger of the two distances to every other.
    fn join(&mut self, a: usize, b: usize) {
        let (gone, kept) = (a.min(b), a.max(b));
        self.active.retain(|row| *row != gone);
        for other in self.active.iter().copied().filter(|other| *other != kept) {
            let farther = self.distance(other, kept).max(self.distance(other, gone));
            self.distances[other * self.count + kept] = farther;
            self.distances[kept * self.count + other] = farther;
        }
    }
}

/// Numbers clusters in the order they were made and puts the lower number left.
fn leaves(merges: &[Merge], count: usize) -> Vec<usize> {
    let mut cluster: Vec<usize> = (0..count).collect();
    let mut members: Vec<Vec<usize>> = (0..count).map(|row| vec![row]).collect();
    for merge in merges {
        let (a, b) = (cluster[merge.a], cluster[merge.b]);
        let mut merged = std::mem::take(&mut members[a.min(b)]);
        merged.append(&mut members[a.max(b)]);
        for row in &merged {
            cluster[*row] = members.len();
        }
        members.push(merged);
    }
    members.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[&[f64]], expected: &[usize]) {
        assert_eq!(leaf_order(&rows.concat(), rows.len()), expected);
    }

    #[test]
    fn nothing_and_one_need_no_merge() {
        check(&[], &[]);
        check(&[&[0.0]], &[0]);
    }

    #[test]
    fn the_nearest_stand_together() {
        check(&[&[0.0, 90.0, 10.0], &[90.0, 0.0, 80.0], &[10.0, 80.0, 0.0]], &[1, 0, 2]);
    }

    #[test]
    fn not_a_number_is_far_away() {
        let nan = f64::NAN;
        check(&[&[0.0, nan, 10.0], &[nan, 0.0, nan], &[10.0, nan, 0.0]], &[1, 0, 2]);
    }
}
