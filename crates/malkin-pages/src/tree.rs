//! The tree above a matrix: which samples are joined at which similarity.
//!
//! Leaves keep the order of the matrix, which is that of the reference's clustering (complete linkage), so that only neighbours are
//! ever joined here: the two adjacent groups whose least similar members are most alike. Work grows with the cube of the samples;
//! a page has 120 at most.

/// Lines of a dendrogram in a square of 100: x1, y1, x2, y2. Leaves stand at the bottom (y 100), shares of 100 join there, shares of
/// 0 at the top. `shares[i][j]` is the share of sample i found in sample j, 0..=100; the larger of both directions counts.
pub fn dendrogram(shares: &[Vec<f64>]) -> Vec<[String; 4]> {
    let count = shares.len();
    if count < 2 || shares.iter().any(|row| row.len() != count) {
        return Vec::new();
    }
    let alike = |a: usize, b: usize| shares[a][b].max(shares[b][a]).clamp(0.0, 100.0);
    struct Group {
        leaves: Vec<usize>,
        x: f64,
        y: f64,
    }
    let width = 100.0 / count as f64;
    let mut groups: Vec<Group> =
        (0..count).map(|at| Group { leaves: vec![at], x: width * (at as f64 + 0.5), y: 100.0 }).collect();
    let mut lines = Vec::new();
    let mut line =
        |x1: f64, y1: f64, x2: f64, y2: f64| lines.push([x1, y1, x2, y2].map(|at| format!("{at:.2}")));
    while groups.len() > 1 {
        let joint = |a: &Group, b: &Group| {
            a.leaves
                .iter()
                .flat_map(|i| b.leaves.iter().map(move |j| (*i, *j)))
                .map(|(i, j)| alike(i, j))
                .fold(f64::INFINITY, f64::min)
        };
        let mut best = (0, f64::NEG_INFINITY);
        for at in 0..groups.len() - 1 {
            let share = joint(&groups[at], &groups[at + 1]);
            if share > best.1 {
                best = (at, share);
            }
        }
        let (at, share) = best;
        let right = groups.remove(at + 1);
        let left = &mut groups[at];
        // A tree never turns back: a joint lies above what it joins.
        let y = share.min(left.y).min(right.y).max(0.0);
        line(left.x, left.y, left.x, y);
        line(right.x, right.y, right.x, y);
        line(left.x, y, right.x, y);
        left.x = f64::midpoint(left.x, right.x);
        left.y = y;
        left.leaves.extend(right.leaves);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_most_alike_is_joined_first() {
        let shares = vec![vec![100.0, 90.0, 10.0], vec![80.0, 100.0, 20.0], vec![10.0, 0.0, 100.0]];
        let lines = dendrogram(&shares);
        assert_eq!(lines.len(), 6);
        // The first joint stands at 90, the second at the least of what joins the third: 10.
        assert_eq!(lines[2][1], "90.00");
        assert_eq!(lines[5][1], "10.00");
        assert!(dendrogram(&[]).is_empty() && dendrogram(&[vec![100.0]]).is_empty());
        assert!(dendrogram(&[vec![100.0], vec![]]).is_empty());
    }
}
