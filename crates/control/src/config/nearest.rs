//! The known word that is nearest to a mistyped one.

/// Characters of a word that are compared; longer ones are nobody's mistyping.
const COMPARED_CHARACTERS: usize = 64;

/// The nearest of the known words, if it is near enough to be what was meant: at most a third of its characters differ.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(COMPARED_CHARACTERS + 1).collect();
    if word.len() > COMPARED_CHARACTERS {
        return None;
    }
    known
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Characters to insert, delete or replace (Levenshtein).
fn distance(word: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (line, wanted) in candidate.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, found) in row.iter_mut().skip(1).zip(word) {
            let above = *cell;
            left = (diagonal + usize::from(*found != wanted)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_insertions_deletions_and_replacements() {
        for (a, b, expect) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("hour", "hours", 1)]
        {
            assert_eq!(distance(&a.chars().collect::<Vec<_>>(), b), expect, "{a} {b}");
        }
    }

    #[test]
    fn a_mistyped_word_finds_its_neighbour_and_a_strange_one_none() {
        let known = ["backup_hour", "backup_minute", "pg"];
        for (word, expect) in [
            ("backup_hours", Some("backup_hour")),
            ("backuphour", Some("backup_hour")),
            ("backup-minute", Some("backup_minute")),
            ("p", Some("pg")),
            ("something_else", None),
            (&"x".repeat(100_000), None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), expect);
        }
    }
}
