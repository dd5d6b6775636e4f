//! The bytes of held spans, in blocks of memory that are freed when the last span in them is.

/// The size of a block. A span that is larger gets a block of its own.
const BLOCK_BYTES: usize = 256 << 10;
/// The length of what stands before each span: the place of the span before it, its origin, and its length.
const HEAD_BYTES: usize = 16;

/// The memory that a span takes beside its own bytes.
pub(super) const OVERHEAD_BYTES: usize = HEAD_BYTES;

/// Where a span lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    block: u32,
    offset: u32,
}

/// A held span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held<'a> {
    /// The span of the same trace that came before.
    pub(super) before: Option<Place>,
    /// The number of its resource, scope and senders.
    pub(super) origin: u32,
    /// The field `spans` that holds it, with tag and length.
    pub(super) span: &'a [u8],
}

/// Spans are added at the end of the current block. The spans of a trace form a list, from the last to the
/// first, so that a trace needs no memory of its own for it.
#[derive(Default)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// The blocks without memory.
    free: Vec<u32>,
    current: Option<u32>,
    held_bytes: usize,
    /// The spans in all blocks.
    spans: usize,
}

#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    /// The spans in it that are still held.
    spans: u32,
}

const NO_PLACE: u32 = u32::MAX;

impl Blocks {
    /// Returns how much of the blocks was written to, in bytes. Memory that was never written to is not taken
    /// from the system.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Copies a span.
    pub(super) fn push(&mut self, held: Held<'_>) -> Place {
        let len_bytes = HEAD_BYTES + held.span.len();
        let number = self.room_for(len_bytes);
        let Some(block) = self.blocks.get_mut(number as usize) else {
            return Place { block: NO_PLACE, offset: 0 };
        };
        let place = Place { block: number, offset: block.bytes.len() as u32 };
        let before = held.before.unwrap_or(Place { block: NO_PLACE, offset: 0 });
        for part in [before.block, before.offset, held.origin, held.span.len() as u32] {
            block.bytes.extend_from_slice(&part.to_le_bytes());
        }
        block.bytes.extend_from_slice(held.span);
        self.held_bytes += len_bytes;
        block.spans += 1;
        self.spans += 1;
        place
    }

    pub(super) fn get(&self, place: Place) -> Option<Held<'_>> {
        let bytes = self.blocks.get(place.block as usize)?.bytes.get(place.offset as usize..)?;
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let [block, offset, origin, len_bytes] = head.as_chunks::<4>().0 else { return None };
        let part = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let before = Place { block: part(block), offset: part(offset) };
        Some(Held {
            before: (before.block != NO_PLACE).then_some(before),
            origin: part(origin),
            span: rest.get(..part(len_bytes) as usize)?,
        })
    }

    /// Forgets a span. Its bytes are freed with those of the last span of its block.
    pub(super) fn remove(&mut self, place: Place) {
        let Some(block) = self.blocks.get_mut(place.block as usize) else { return };
        block.spans = block.spans.saturating_sub(1);
        self.spans = self.spans.saturating_sub(1);
        if block.spans > 0 {
            return;
        }
        if self.current == Some(place.block) {
            if self.spans > 0 {
                self.held_bytes -= block.bytes.len();
                return block.bytes.clear();
            }
            self.current = None;
        }
        self.free(place.block);
    }

    /// Returns a block with room for so many bytes, which is the current one from then on.
    fn room_for(&mut self, len_bytes: usize) -> u32 {
        if let Some(current) = self.current
            && let Some(block) = self.blocks.get(current as usize)
            && block.bytes.capacity() - block.bytes.len() >= len_bytes
        {
            return current;
        }
        let fresh = Block { bytes: Vec::with_capacity(len_bytes.max(BLOCK_BYTES)), spans: 0 };
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.blocks.push(Block::default());
                self.blocks.len() as u32 - 1
            }
        };
        if let Some(block) = self.blocks.get_mut(number as usize) {
            *block = fresh;
        }
        if let Some(former) = self.current.replace(number)
            && self.blocks.get(former as usize).is_some_and(|block| block.spans == 0)
        {
            self.free(former);
        }
        number
    }

    fn free(&mut self, number: u32) {
        let Some(block) = self.blocks.get_mut(number as usize) else { return };
        self.held_bytes -= std::mem::take(&mut block.bytes).len();
        self.free.push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(before: Option<Place>, origin: u32, span: &[u8]) -> Held<'_> {
        Held { before, origin, span }
    }

    /// Scenario: spans of two traces come in turn, one of them larger than a block.
    /// Guarantees: each trace is found from its last span to its first, with all bytes.
    #[test]
    fn the_spans_of_a_trace_are_found_from_the_last_to_the_first() {
        let mut blocks = Blocks::default();
        let large = vec![7; BLOCK_BYTES + 1];
        let mut last = [None, None];
        let spans: [&[u8]; 3] = [b"first", &large, b""];
        for (origin, span) in spans.iter().enumerate() {
            for last in &mut last {
                *last = Some(blocks.push(held(*last, origin as u32, span)));
            }
        }
        for mut next in last {
            for (origin, span) in spans.iter().enumerate().rev() {
                let held = blocks.get(next.unwrap()).unwrap();
                assert_eq!((held.origin, held.span), (origin as u32, *span));
                next = held.before;
            }
            assert_eq!(next, None);
        }
    }

    /// Scenario: a million spans are held for a while each, a thousand at a time, and then none is.
    /// Guarantees: at most one block more than the spans is written to, and nothing is held at the end.
    #[test]
    fn memory_is_freed_with_the_spans() {
        let mut blocks = Blocks::default();
        let span = [1; 500];
        let mut order = std::collections::VecDeque::new();
        for _ in 0..1_000_000 {
            order.push_back(blocks.push(held(None, 0, &span)));
            if order.len() > 1_000 {
                blocks.remove(order.pop_front().unwrap());
            }
            assert!(blocks.held_bytes() <= order.len() * (span.len() + HEAD_BYTES) + BLOCK_BYTES);
        }
        order.into_iter().for_each(|place| blocks.remove(place));
        assert_eq!(blocks.held_bytes(), 0);
        assert!(blocks.blocks.len() < 10, "{}", blocks.blocks.len());
    }
}
