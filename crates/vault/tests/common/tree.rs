//! A random tree of files from a seed: page files, plain files, links, directories, odd names.
//!
//! The tree remembers the log's position, so that every page that is written later carries a higher one, as a database's do.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};

use farshore_vault::testing::SeededEntropy;

use super::{Bench, PAGE, page};

/// Positions below this are not believed; the log starts above.
pub const FLOOR: u64 = 100;

/// Rolls of a seed.
pub struct Dice(SeededEntropy);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(SeededEntropy::new(seed))
    }

    pub fn below(&self, end: u64) -> u64 {
        self.0.next() % end.max(1)
    }

    pub fn one_in(&self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// Mostly short, with jumps to the sizes at which something changes: a shared frame, a frame, several frames.
    pub fn length(&self) -> usize {
        let edges = [1, 511, 512, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 600_000];
        match self.below(4) {
            0 => edges[self.below(10) as usize],
            1 => self.below(400_000) as usize,
            _ => self.below(5_000) as usize,
        }
    }

    pub fn bytes(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        match self.below(4) {
            0 => {}
            1 => bytes.fill(self.below(256) as u8),
            _ => {
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&self.0.next().to_le_bytes()[..chunk.len()]);
                }
                if length > 300_000 && self.one_in(2) {
                    bytes[..270_000].fill(0);
                }
            }
        }
        bytes
    }
}

/// Names that a careless reader would trip over.
pub fn odd_name(dice: &Dice) -> String {
    let odd = [
        "x",
        ".x.part",
        "sp ace",
        "ünï-çödé ☃",
        "new\nline",
        "quote\"back\\slash",
        "...",
        "-rf",
        "%41",
        "tab\tulator",
        "~",
        "x.part",
    ];
    match dice.below(10) {
        0 => "n".repeat(240) + &dice.below(1000).to_string(),
        1..4 => odd[dice.below(odd.len() as u64) as usize].to_string(),
        _ => format!("f{}", dice.below(10_000)),
    }
}

/// A bench, its rolls and the log's position.
pub struct Tree {
    pub bench: Bench,
    pub dice: Dice,
    pub log: u64,
    pub births: i64,
}

impl Tree {
    /// Fills an empty bench.
    pub fn grow(mut bench: Bench, seed: u64) -> Tree {
        bench.floor = FLOOR;
        let mut tree = Tree { bench, dice: Dice::new(seed), log: 1000, births: 0 };
        for folder in ["base", "base/1", "base/1-x", "global", "empty folder"] {
            fs::create_dir_all(tree.bench.path(folder)).unwrap();
        }
        for _ in 0..4 + tree.dice.below(12) {
            tree.add_plain();
        }
        for _ in 0..2 + tree.dice.below(6) {
            tree.add_pages();
        }
        tree.add_link();
        tree
    }

    pub fn next_position(&mut self) -> u64 {
        self.log += 1 + self.dice.below(20);
        self.log
    }

    /// The next birth time.
    pub fn born(&mut self, path: &str) {
        self.births += 1;
        self.bench.births.lock().unwrap().insert(path.to_string(), self.births);
    }

    fn free_path(&self, ending: &str) -> Option<String> {
        let folder = ["", "base/", "base/1/", "base/1-x/", "global/"][self.dice.below(5) as usize];
        let path = format!("{folder}{}{ending}", odd_name(&self.dice));
        let full = self.bench.path(&path);
        (full.parent().is_some_and(|parent| parent.is_dir()) && full.symlink_metadata().is_err()).then_some(path)
    }

    pub fn add_plain(&mut self) {
        let Some(path) = self.free_path("") else { return };
        self.born(&path);
        self.bench.write(&path, &self.dice.bytes(self.dice.length()));
        let mode = [0o600, 0o644, 0o400][self.dice.below(3) as usize];
        fs::set_permissions(self.bench.path(&path), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn add_link(&mut self) {
        let Some(path) = self.free_path("") else { return };
        symlink(["/nowhere", "x", "../up", "a\nb"][self.dice.below(4) as usize], self.bench.path(&path)).unwrap();
    }

    pub fn add_pages(&mut self) {
        let Some(path) = self.free_path(".pages") else { return };
        let count = match self.dice.below(5) {
            0 => self.dice.below(20),
            1 => self.dice.below(200),
            _ => 200 + self.dice.below(1000),
        };
        self.write_pages(&path, count as u32, None);
    }

    /// Makes a page file anew, with rising positions or all with the same (an old) one.
    pub fn write_pages(&mut self, path: &str, count: u32, position: Option<u64>) {
        self.born(path);
        let zero_pages = self.dice.one_in(3);
        let mut content = Vec::with_capacity(count as usize * PAGE);
        for block in 0..count {
            let position = position.unwrap_or_else(|| self.next_position());
            match zero_pages && self.dice.one_in(4) {
                true => content.extend_from_slice(&[0; PAGE]),
                false => content.extend_from_slice(&page(block, position, self.dice.below(256) as u8)),
            }
        }
        if self.dice.one_in(6) {
            content.truncate(content.len().saturating_sub(100));
        }
        let _ = fs::remove_file(self.bench.path(path));
        self.bench.write(path, &content);
    }

    /// Some path of the tree that is a file, of pages or not.
    pub fn some_file(&self, pages: bool) -> Option<String> {
        let mut files: Vec<String> = self.bench.list().into_iter().map(|file| file.path).collect();
        files.retain(|path| path.ends_with(".pages") == pages);
        files.retain(|path| self.bench.path(path).symlink_metadata().unwrap().is_file());
        (!files.is_empty()).then(|| files.swap_remove(self.dice.below(files.len() as u64) as usize))
    }

    pub fn open(&self, path: &str) -> File {
        OpenOptions::new().write(true).read(true).open(self.bench.path(path)).unwrap()
    }

    pub fn put_page(&self, path: &str, block: u32, page: &[u8]) {
        self.open(path).write_all_at(page, u64::from(block) * PAGE as u64).unwrap();
    }

    pub fn pages_of(&self, path: &str) -> u32 {
        (fs::metadata(self.bench.path(path)).unwrap().len() / PAGE as u64) as u32
    }
}
