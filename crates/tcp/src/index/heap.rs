//! A heap of deadlines, four children to a node: half as deep as a binary one, and siblings lie side by side.
//!
//! `nodes[place].heap` is the slot at a place, `nodes[slot].place` the place of a slot. The first `armed` places are used.

use super::table::{Link, Node};
use mainstay_base::Instant;

/// chosen: four places share a cache line or two.
const CHILDREN: usize = 4;

/// The slot whose moment is first.
pub(super) fn first(nodes: &[Node]) -> Option<(usize, Instant)> {
    let slot = nodes.first()?.heap.number()?;
    Some((slot, nodes[slot].at))
}

/// Remembers `at` for `slot` if nothing earlier is. Whether the heap grew.
pub(super) fn arm(nodes: &mut [Node], armed: usize, slot: usize, at: Instant) -> bool {
    let place = nodes[slot].place.number();
    if place.is_some() && nodes[slot].at <= at {
        return false;
    }
    nodes[slot].at = at;
    rise(nodes, place.unwrap_or(armed), slot);
    place.is_none()
}

/// Takes `slot` out. Whether it was in.
pub(super) fn remove(nodes: &mut [Node], armed: usize, slot: usize) -> bool {
    let Some(hole) = core::mem::take(&mut nodes[slot].place).number() else { return false };
    let last = armed - 1;
    let moved = core::mem::take(&mut nodes[last].heap).number();
    if let Some(moved) = moved.filter(|_| hole != last) {
        let place = rise(nodes, hole, moved);
        sink(nodes, last, place, moved);
    }
    true
}

/// Puts `slot` at `place` or, if its moment is before its parent's, above. Where it then is.
fn rise(nodes: &mut [Node], mut place: usize, slot: usize) -> usize {
    while place > 0 {
        let parent = (place - 1) / CHILDREN;
        let Some(above) =
            nodes[parent].heap.number().filter(|above| nodes[slot].at < nodes[*above].at)
        else {
            break;
        };
        put(nodes, place, above);
        place = parent;
    }
    put(nodes, place, slot);
    place
}

/// Moves `slot` from `place` down below each child whose moment is before its own.
fn sink(nodes: &mut [Node], armed: usize, mut place: usize, slot: usize) {
    loop {
        let first = place * CHILDREN + 1;
        let children = first..(first + CHILDREN).min(armed);
        let earliest = children
            .filter_map(|child| Some((child, nodes[child].heap.number()?)))
            .min_by_key(|(_, below)| nodes[*below].at);
        let Some((child, below)) = earliest.filter(|(_, below)| nodes[*below].at < nodes[slot].at)
        else {
            break;
        };
        put(nodes, place, below);
        place = child;
    }
    put(nodes, place, slot);
}

fn put(nodes: &mut [Node], place: usize, slot: usize) {
    nodes[place].heap = Link::to(slot);
    nodes[slot].place = Link::to(place);
}
