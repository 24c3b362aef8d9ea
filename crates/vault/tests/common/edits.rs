//! Random edits of a tree, as a database and its users make them between two backups.

use std::fs;
use std::os::unix::fs::FileExt;

use super::tree::{FLOOR, Tree};
use super::{PAGE, page};

impl Tree {
    /// One edit of any kind.
    pub fn edit(&mut self) {
        match self.dice.below(16) {
            0 => self.add_plain(),
            1 => self.add_pages(),
            2 => self.add_link(),
            3 => self.remove(),
            4 | 5 => self.edit_plain(),
            6 => self.turn_into_something_else(),
            kind => {
                if let Some(path) = self.some_file(true) {
                    self.edit_pages(&path, kind);
                }
            }
        }
    }

    fn edit_pages(&mut self, path: &str, kind: u64) {
        let count = self.pages_of(path);
        let block = self.dice.below(u64::from(count.max(1))) as u32;
        match kind {
            7 | 8 => self.change_pages(path, count),
            9 => self.append_pages(path, count),
            10 => self.open(path).set_len(u64::from(block) * PAGE as u64).unwrap(),
            11 => self.replace_pages(path, count),
            _ if count == 0 => {}
            // A page whose position says nothing: never logged, or from before the log began.
            12 => self.put_page(path, block, &page(block, self.dice.below(FLOOR), self.dice.below(256) as u8)),
            13 => self.put_page(path, block, &[0; PAGE]),
            14 => self.damage(path, block),
            _ => self.open(path).set_len(u64::from(count) * PAGE as u64 - self.dice.below(PAGE as u64)).unwrap(),
        }
    }

    fn change_pages(&mut self, path: &str, count: u32) {
        if count == 0 {
            return;
        }
        for _ in 0..1 + self.dice.below(30) {
            let block = self.dice.below(u64::from(count)) as u32;
            let position = self.next_position();
            self.put_page(path, block, &page(block, position, self.dice.below(256) as u8));
        }
    }

    fn append_pages(&mut self, path: &str, count: u32) {
        let more = if self.dice.one_in(3) { 600 } else { 1 + self.dice.below(10) as u32 };
        for block in count..count + more {
            let position = self.next_position();
            match self.dice.one_in(5) {
                true => self.put_page(path, block, &[0; PAGE]),
                false => self.put_page(path, block, &page(block, position, 7)),
            }
        }
    }

    /// Another file takes the path, by drop and create or by rename; its pages may carry positions of long ago.
    fn replace_pages(&mut self, path: &str, count: u32) {
        let old = self.dice.one_in(2).then_some(FLOOR + 1);
        if self.dice.one_in(2) {
            self.write_pages(path, count, old);
        } else {
            let other = "renamed away.pages";
            self.write_pages(other, count, old);
            fs::rename(self.bench.path(other), self.bench.path(path)).unwrap();
            self.born(path);
        }
    }

    /// Rot: bytes change in place, in the stamp or behind it, and no position moves.
    fn damage(&mut self, path: &str, block: u32) {
        let at = u64::from(block) * PAGE as u64 + self.dice.below(PAGE as u64);
        self.open(path).write_all_at(&[self.dice.below(256) as u8], at).unwrap();
    }

    fn edit_plain(&mut self) {
        let Some(path) = self.some_file(false) else { return };
        let size = fs::metadata(self.bench.path(&path)).unwrap().len();
        let file = self.open(&path);
        match self.dice.below(5) {
            0 => file.write_all_at(&[self.dice.below(256) as u8], self.dice.below(size.max(1))).unwrap(),
            1 => file.set_len(self.dice.below(size + 1)).unwrap(),
            2 => file.set_len(size + self.dice.below(300_000)).unwrap(),
            3 => file.write_all_at(&self.dice.bytes(self.dice.length()), size).unwrap(),
            _ => {
                file.set_len(0).unwrap();
                file.write_all_at(&self.dice.bytes(self.dice.length()), 0).unwrap();
            }
        }
    }

    fn remove(&mut self) {
        let pages = self.dice.one_in(2);
        if let Some(path) = self.some_file(pages) {
            fs::remove_file(self.bench.path(&path)).unwrap();
        }
    }

    /// A file becomes a folder with a file of the same name in it, or a link.
    fn turn_into_something_else(&mut self) {
        let Some(path) = self.some_file(false) else { return };
        fs::remove_file(self.bench.path(&path)).unwrap();
        match self.dice.one_in(2) {
            true => self.bench.write(&format!("{path}/x"), &self.dice.bytes(1000)),
            false => std::os::unix::fs::symlink("elsewhere", self.bench.path(&path)).unwrap(),
        }
    }
}
