//! Frames forged in a value stay bytes, wherever the journal is torn or damaged.

use super::address;
use crate::{
    environment::Environment,
    journal::{Found, Frame, Frames, Journal, Kind, Offset},
    keys::Number,
};
use oplog::Hash;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Where the first frame stands.
const START: usize = 1024;

fn place(offset: Offset) -> usize {
    usize::try_from(offset.at).unwrap()
}

fn path(dir: &Path) -> PathBuf {
    dir.join("00000000.journal")
}

fn journal(dir: &Path) -> Journal {
    let found = Found::at(dir, &Environment::machine()).unwrap();
    found.continue_at(Offset::default(), Offset::default(), false).unwrap()
}

fn entry(payload: &[u8]) -> Frames {
    let mut frames = Frames::default();
    frames.add(Kind::Entry, Number(3), &Hash::of(payload), payload);
    frames
}

/// One of every kind that somebody might want to smuggle in, as a journal holds them.
fn frames_of_a_stranger() -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let mut journal = journal(dir.path());
    let mut frames = Frames::default();
    frames.removed(Number(3), &address("victim"));
    frames.registered(Number(4), &address("ghost"));
    frames.add(Kind::Retired, Number(0), &Hash::of(b"forged"), b"forged");
    frames.commit(Number(3), &address("victim"), &[Hash::of(b"any")]);
    frames.add(Kind::Entry, Number(3), &Hash::of(b"forged"), b"forged");
    frames.swept(0);
    journal.append(frames).unwrap();
    fs::read(path(dir.path())).unwrap()[START..].to_vec()
}

/// Three frames, the second of which carries forged ones, in every alignment.
struct Hostile {
    dir: TempDir,
    bytes: Vec<u8>,
    /// Where the carrier begins and ends.
    carrier: (usize, usize),
}

impl Hostile {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let mut journal = journal(dir.path());
        journal.append(entry(b"before")).unwrap();
        let start = journal.end();
        let forged = frames_of_a_stranger();
        let value: Vec<u8> =
            (0..32).step_by(8).flat_map(|shift| [vec![0; shift], forged.clone()].concat()).collect();
        // What an attacker would like best: frames that stand where frames of this file begin, as they were written there.
        let own = fs::read(path(dir.path())).unwrap();
        let value = [&value[..], &vec![0; value.len().next_multiple_of(32) - value.len()], &own].concat();
        journal.append(entry(&value)).unwrap();
        let end = journal.end();
        journal.append(entry(b"behind")).unwrap();
        let bytes = fs::read(path(dir.path())).unwrap();
        Self { dir, bytes, carrier: (place(start), place(end)) }
    }

    /// What is read when the file holds these bytes, and how much of it was skipped.
    fn read(&self, bytes: &[u8]) -> (Vec<Frame>, u64) {
        fs::write(path(self.dir.path()), bytes).unwrap();
        let found = Found::at(self.dir.path(), &Environment::machine()).unwrap();
        let frames = found.scan(Offset::default()).unwrap().map(|frame| frame.unwrap().1).collect();
        let damage = found.segments().damaged().total();
        (frames, damage.bytes)
    }
}

fn payloads(frames: &[Frame]) -> Vec<&[u8]> {
    frames.iter().map(|frame| &frame.payload[..]).collect()
}

#[test]
fn torn_at_any_byte_the_journal_ends_before_the_torn_frame() {
    let hostile = Hostile::new();
    let (start, end) = hostile.carrier;
    for cut in start..end - 31 {
        let (frames, skipped) = hostile.read(&hostile.bytes[..cut]);
        assert_eq!(payloads(&frames), [b"before"], "cut at {cut}");
        assert_eq!(skipped, 0, "an unfinished end is no damage");
    }
}

#[test]
fn with_any_byte_damaged_what_stands_behind_is_read_and_nothing_else() {
    let hostile = Hostile::new();
    let (start, end) = hostile.carrier;
    let carrier = hostile.read(&hostile.bytes).0.remove(1);
    for at in start..end {
        let mut bytes = hostile.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let (frames, skipped) = hostile.read(&bytes);
        if frames.len() == 3 {
            assert_eq!(frames[1].payload, carrier.payload, "only padding was changed, at {at}");
            assert_eq!(skipped, 0);
        } else {
            assert_eq!(payloads(&frames), [&b"before"[..], b"behind"], "damaged at {at}");
            assert_eq!(skipped, (end - start) as u64);
        }
    }
}

#[test]
fn zeros_and_frames_of_other_files_are_no_frames() {
    let hostile = Hostile::new();
    let (start, end) = hostile.carrier;
    let mut bytes = hostile.bytes.clone();
    bytes[start..end].fill(0);
    assert_eq!(payloads(&hostile.read(&bytes).0), [&b"before"[..], b"behind"]);
    let other = Hostile::new();
    bytes[start..end].copy_from_slice(&other.bytes[start..end]);
    assert_eq!(payloads(&hostile.read(&bytes).0), [&b"before"[..], b"behind"]);
}

#[test]
fn a_frame_copied_to_another_place_of_its_file_is_none() {
    let hostile = Hostile::new();
    let (start, _) = hostile.carrier;
    let first = hostile.bytes[START..start].to_vec();
    let copied = [&hostile.bytes[..], &first].concat();
    assert_eq!(hostile.read(&copied).0.len(), 3);
}

#[test]
fn four_mebibytes_of_what_looks_like_headers_are_looked_at_once() {
    let dir = TempDir::new().unwrap();
    let mut journal = journal(dir.path());
    // A length of all that follows, a kind, and the rest as in a header.
    let header = [&0x003f_0000_u32.to_be_bytes()[..], &[0, 0, 0, 3, 2, 0, 0, 0], &[7; 20]].concat();
    let value = header.repeat((4 << 20) / header.len());
    journal.append(entry(&value)).unwrap();
    let file = fs::File::options().write(true).open(path(dir.path())).unwrap();
    file.set_len(journal.end().at - 40).unwrap();

    let found = Found::at(dir.path(), &Environment::machine()).unwrap();
    let mut frames = found.scan(Offset::default()).unwrap();

    assert!(frames.next().is_none());
    let work = frames.work();
    assert_eq!(work.hashed, 0, "no payload is read for a header that does not prove itself");
    assert!(work.tagged <= value.len() as u64 / 32 + 2, "{} places", work.tagged);
}

#[test]
fn a_file_whose_beginning_is_half_damaged_is_read_and_one_without_its_key_is_skipped() {
    let hostile = Hostile::new();
    for sector in [0, 512] {
        let mut bytes = hostile.bytes.clone();
        bytes[sector..sector + 48].fill(0xff);
        assert_eq!(hostile.read(&bytes).0.len(), 3);
    }
    let mut bytes = hostile.bytes.clone();
    bytes[..1024].fill(0xff);
    let (frames, skipped) = hostile.read(&bytes);
    assert!(frames.is_empty());
    assert_eq!(skipped, bytes.len() as u64);
    // What is written next is found again: it goes to a file with a key.
    let found = Found::at(hostile.dir.path(), &Environment::machine()).unwrap();
    let end = Offset { segment: 0, at: bytes.len() as u64 };
    let mut journal = found.continue_at(end, Offset::default(), false).unwrap();
    journal.append(entry(b"more")).unwrap();
    let found = Found::at(hostile.dir.path(), &Environment::machine()).unwrap();
    let frames: Vec<Frame> = found.scan(Offset::default()).unwrap().map(|frame| frame.unwrap().1).collect();
    assert_eq!(payloads(&frames), [b"more"]);
}
