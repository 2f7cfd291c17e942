//! Bytes of one direction of an HTTP/2 connection (RFC 9113): those of DATA frames, which are gRPC's messages each behind
//! five bytes, and all of them.

/// What a client sends before its first frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length of a frame's header, in bytes.
const HEADER: usize = 9;
const DATA: u8 = 0;

/// Where in the frames one direction is.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of the preface that are still to come.
    preface: usize,
    /// As much of a frame's header as has come.
    header: [u8; HEADER],
    filled: usize,
    /// Bytes of the current frame that are still to come, and whether it is DATA.
    rest: usize,
    is_data: bool,
    /// So far.
    pub(super) counted: Counted,
}

/// Bytes of a direction, a connection, or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// In DATA frames.
    pub(super) messages: u64,
    /// All that TCP carried.
    pub(super) all: u64,
}

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.all += other.all;
    }
}

impl std::ops::Sub for Counted {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { messages: self.messages - earlier.messages, all: self.all - earlier.all }
    }
}

impl Frames {
    /// What a client sends, or what a server does.
    pub(super) fn new(is_client: bool) -> Self {
        let preface = if is_client { PREFACE.len() } else { 0 };
        Self {
            preface,
            header: [0; HEADER],
            filled: 0,
            rest: 0,
            is_data: false,
            counted: Counted::default(),
        }
    }

    /// Counts the next bytes.
    pub(super) fn count(&mut self, bytes: &[u8]) {
        self.counted.all += bytes.len() as u64;
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        let mut bytes = bytes.get(skipped..).unwrap_or_default();
        while let Some((first, after)) = bytes.split_first() {
            if self.rest > 0 {
                let here = self.rest.min(bytes.len());
                if self.is_data {
                    self.counted.messages += here as u64;
                }
                self.rest -= here;
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
            if let Some(byte) = self.header.get_mut(self.filled) {
                *byte = *first;
            }
            self.filled += 1;
            bytes = after;
            if self.filled == HEADER {
                // Length in 24 bits, type, flags, stream.
                let [high, middle, low, kind, ..] = self.header;
                self.rest = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.is_data = kind == DATA;
                self.filled = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let header = [0, (length >> 8) as u8, length as u8, kind, 0, 0, 0, 0, 1];
        [header.to_vec(), vec![kind; length]].concat()
    }

    #[test]
    fn data_is_told_from_the_rest_however_the_bytes_are_cut() {
        let settings = frame(4, 18);
        let bytes =
            [PREFACE, &settings, &frame(1, 300), &frame(0, 700), &frame(0, 0), &frame(0, 5)];
        let bytes = bytes.concat();
        for cut in [1, 2, 9, 10, 24, 333, bytes.len()] {
            let mut frames = Frames::new(true);
            bytes.chunks(cut).for_each(|chunk| frames.count(chunk));
            let all = bytes.len() as u64;
            assert_eq!(frames.counted, Counted { messages: 705, all }, "cut into {cut}");
        }
        let mut server = Frames::new(false);
        server.count(&frame(0, 5));
        assert_eq!(server.counted, Counted { messages: 5, all: 14 });
    }
}
