//! Encodes the same message in other bytes: every form that protobuf allows and no sender uses.

use prost::encoding::{decode_varint, encode_varint};
use spanloom_wire::schema::{Field, Kind, Label, Message};

/// An xorshift generator. The same seed gives the same numbers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    fn next(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    pub(crate) fn one_in(&mut self, sides: usize) -> bool {
        self.next(sides) == 0
    }
}

/// The number, wire type and payload of one field, without tag and length.
struct Piece {
    number: u32,
    wire_type: u32,
    value: Vec<u8>,
}

/// Reorders fields, adds stale values before the last one, splits messages in two, packs and unpacks numbers,
/// lengthens varints, and adds unknown fields and groups.
pub(crate) fn scramble(schema: &'static Message, message: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut pieces = Vec::new();
    for piece in split(message) {
        let field = schema.field(piece.number).expect("prost writes known fields");
        push(schema, field, piece, dice, &mut pieces);
    }
    // Order matters only among fields of one number, and among the members of the oneof.
    let lane = |piece: &Piece| match schema.field(piece.number) {
        Some(field) if field.label == Label::OneOf => 0,
        _ => piece.number,
    };
    for _ in 0..pieces.len() {
        let at = dice.next(pieces.len());
        if at + 1 < pieces.len() && lane(&pieces[at]) != lane(&pieces[at + 1]) {
            pieces.swap(at, at + 1);
        }
    }
    let mut out = Vec::new();
    for piece in pieces {
        if dice.one_in(12) {
            out.extend([0xa3, 0x06, 0x08, 0x01, 0x1b, 0x1c, 0xa4, 0x06]);
        }
        if dice.one_in(12) {
            out.extend([0xaa, 0x06, 0x03, 0xff, 0xfe, 0xfd]);
        }
        varint(&mut out, u64::from(piece.number << 3 | piece.wire_type), dice);
        if piece.wire_type == 2 {
            varint(&mut out, piece.value.len() as u64, dice);
        }
        out.extend(piece.value);
    }
    out
}

fn push(schema: &Message, field: &Field, mut piece: Piece, dice: &mut Dice, pieces: &mut Vec<Piece>) {
    let number = piece.number;
    let delimited = |value: Vec<u8>| Piece { number, wire_type: 2, value };
    if field.label == Label::OneOf && dice.one_in(6) {
        // Adds the same member, then another member that replaces it, and then the member that counts.
        pieces.push(Piece { number, wire_type: piece.wire_type, value: piece.value.clone() });
        let is_other = |other: &&Field| {
            let delimited = matches!(other.kind, Kind::String | Kind::Bytes | Kind::Message(_));
            other.label == Label::OneOf && other.number != number && delimited
        };
        pieces.extend(schema.fields.iter().find(is_other).map(|other| Piece {
            number: other.number,
            wire_type: 2,
            value: Vec::new(),
        }));
        if pieces.last().is_some_and(|last| last.number == number) {
            pieces.pop();
        }
    }
    match field.kind {
        Kind::Message(child) if field.label != Label::Repeated && dice.one_in(4) => {
            let inner = split(&piece.value);
            let half = dice.next(inner.len() + 1);
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for (at, piece) in inner.into_iter().enumerate() {
                join(if at < half { &mut first } else { &mut second }, &piece);
            }
            pieces.push(delimited(scramble(child, &first, dice)));
            pieces.push(delimited(scramble(child, &second, dice)));
        }
        Kind::Message(child) => {
            piece.value = scramble(child, &piece.value, dice);
            pieces.push(piece);
        }
        Kind::String | Kind::Bytes | Kind::Id(_) => {
            if field.label != Label::Repeated && dice.one_in(6) {
                let len = if let Kind::Id(len) = field.kind { len } else { 5 };
                pieces.push(delimited(vec![b's'; len]));
            }
            pieces.push(piece);
        }
        _ if field.label == Label::Repeated && dice.one_in(2) => unpack(field, &piece, pieces),
        _ => pieces.push(piece),
    }
}

fn unpack(field: &Field, packed: &Piece, pieces: &mut Vec<Piece>) {
    let mut rest = &packed.value[..];
    while !rest.is_empty() {
        let before = rest;
        let wire_type = if matches!(field.kind, Kind::UInt64) {
            decode_varint(&mut rest).expect("a varint");
            0
        } else {
            rest = &rest[8..];
            1
        };
        let value = before[..before.len() - rest.len()].to_vec();
        pieces.push(Piece { number: packed.number, wire_type, value });
    }
}

fn split(mut message: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    while !message.is_empty() {
        let tag = decode_varint(&mut message).expect("a tag");
        let (number, wire_type) = ((tag >> 3) as u32, (tag & 7) as u32);
        let mut after = message;
        let len = match wire_type {
            0 => {
                decode_varint(&mut after).expect("a varint");
                message.len() - after.len()
            }
            1 => 8,
            5 => 4,
            _ => decode_varint(&mut message).expect("a length") as usize,
        };
        let (value, rest) = message.split_at(len);
        pieces.push(Piece { number, wire_type, value: value.to_vec() });
        message = rest;
    }
    pieces
}

fn join(out: &mut Vec<u8>, piece: &Piece) {
    encode_varint(u64::from(piece.number << 3 | piece.wire_type), out);
    if piece.wire_type == 2 {
        encode_varint(piece.value.len() as u64, out);
    }
    out.extend(&piece.value);
}

fn varint(out: &mut Vec<u8>, value: u64, dice: &mut Dice) {
    encode_varint(value, out);
    if dice.one_in(10) {
        *out.last_mut().expect("a byte") |= 0x80;
        out.push(0);
    }
}
