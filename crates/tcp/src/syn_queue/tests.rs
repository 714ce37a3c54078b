use super::*;

fn syn(port: u16) -> Syn {
    Syn {
        peer: ([10, 0, 0, 1], port).into(),
        listener: 1,
        local: 2,
        irs: Seq(5),
        iss: Seq(6),
        mss: 1460,
        window_scale: Some(7),
        timestamp: Some(8),
        sack: true,
        ecn: false,
    }
}

fn queue<const N: usize>() -> SynQueue<[SynEntry; N]> {
    SynQueue::new([SynEntry::default(); N])
}

const NOW: Instant = Instant::from_millis(1_000_000);

/// When something is due, and what, as far as it is polled at each deadline.
fn timeline(queue: &mut SynQueue<[SynEntry; 4]>) -> ([u64; 8], [bool; 8], usize) {
    let (mut millis, mut resent, mut count) = ([0; 8], [false; 8], 0);
    while let Some(at) = queue.deadline() {
        while let Some(due) = queue.poll_due(at) {
            (millis[count], resent[count]) =
                ((at.as_micros() - NOW.as_micros()) / 1000, matches!(due, Due::Resend(_)));
            count += 1;
        }
        assert!(queue.deadline().is_none_or(|next| next > at));
    }
    (millis, resent, count)
}

// Covers TCP-530
#[test]
fn a_syn_ack_is_sent_again_three_times_and_each_wait_is_double() {
    let (mut queue, mut rng) = (queue::<4>(), Rng::from_run(1));
    queue.insert(NOW, 7, &syn(1), Stage::Answered, &mut rng);
    let (millis, resent, count) = timeline(&mut queue);
    assert_eq!((count, &resent[..4]), (4, &[true, true, true, false][..]));
    for (at, expected) in millis.iter().zip([1000, 3000, 7000, 15_000]) {
        assert!((expected..expected + 80).contains(at), "{at} {expected}");
    }
    assert_eq!(queue.count(), 0);
}

// Covers TCP-076
#[test]
fn a_deferred_syn_is_kept_until_it_is_decided() {
    let (mut queue, mut rng) = (queue::<4>(), Rng::from_run(1));
    let queued = queue.insert(NOW, 7, &Syn { iss: Seq(0), ..syn(1) }, Stage::Deferred, &mut rng);
    assert!(queue.poll_due(NOW + Duration::from_secs(74)).is_none());
    let place = queue.find(7, &syn(1).peer, 1, 2).unwrap();
    assert_eq!(queued, Queued::Placed(place));
    queue.set_iss(place, Seq(6));
    queue.enter(NOW, place, Stage::Answered);
    assert_eq!(queue.get(place), Some((syn(1), Stage::Answered)));
    assert_eq!(queue.poll_due(NOW + Duration::from_millis(1100)), Some(Due::Resend(syn(1))));
    queue.remove(place);
    assert_eq!((queue.get(place), queue.find(7, &syn(1).peer, 1, 2)), (None, None));
    queue.enter(NOW, place, Stage::Answered);
    assert_eq!(queue.get(place), None);
}

#[test]
fn what_nobody_takes_is_over_after_the_handshake_limit() {
    for stage in [Stage::Deferred, Stage::Completed] {
        let (mut queue, mut rng) = (queue::<4>(), Rng::from_run(1));
        queue.insert(NOW, 7, &syn(1), stage, &mut rng);
        let (millis, _, count) = timeline(&mut queue);
        assert_eq!(count, 1);
        assert!((75_000..75_040).contains(&millis[0]));
    }
    let (mut queue, mut rng) = (queue::<4>(), Rng::from_run(1));
    queue.insert(NOW, 7, &syn(1), Stage::Answered, &mut rng);
    let a_lap = NOW + Duration::from_micros((1 << 30) - 300_000_000); // so late that its ticks seem to be ahead again
    assert_eq!(queue.poll_due(a_lap), Some(Due::Resend(syn(1))));
}

// Covers TCP-530
#[test]
fn of_a_full_queue_any_unanswered_one_gives_way_and_no_completed_one() {
    let mut rng = Rng::from_run(1);
    let mut gone = [0_u32; 4];
    for _ in 0..400 {
        let mut queue = queue::<4>();
        for port in 0..4 {
            assert!(queue.has_room(9));
            let stage = if port == 2 { Stage::Completed } else { Stage::Answered };
            assert!(matches!(queue.insert(NOW, 9, &syn(port), stage, &mut rng), Queued::Placed(_)));
        }
        assert!(!queue.has_room(9));
        let Queued::InsteadOf(place, old) =
            queue.insert(NOW, 9, &syn(4), Stage::Answered, &mut rng)
        else {
            panic!("no place");
        };
        gone[usize::from(old.peer.port())] += 1;
        assert_eq!(queue.get(place), Some((syn(4), Stage::Answered)));
        assert_eq!((queue.evicted(), queue.count()), (1, 4));
    }
    assert_eq!(gone[2], 0);
    assert!([0, 1, 3].iter().all(|port| gone[*port] > 90), "{gone:?}");
    let mut queue = queue::<2>();
    for port in 0..2 {
        queue.insert(NOW, 9, &syn(port), Stage::Completed, &mut rng);
    }
    assert_eq!(queue.insert(NOW, 9, &syn(4), Stage::Answered, &mut rng), Queued::Full);
    assert_eq!(SynQueue::new([]).insert(NOW, 9, &syn(4), Stage::Answered, &mut rng), Queued::Full);
}

#[test]
fn a_closed_listener_takes_its_handshakes_along() {
    let (mut queue, mut rng) = (queue::<4>(), Rng::from_run(1));
    queue.insert(NOW, 1, &syn(1), Stage::Answered, &mut rng);
    queue.insert(NOW, 2, &Syn { listener: 2, ..syn(1) }, Stage::Answered, &mut rng);
    queue.remove_listener(1);
    assert_eq!(queue.count(), 1);
    assert!(queue.find(2, &syn(1).peer, 2, 2).is_some());
}

#[test]
fn what_was_kept_just_now_is_not_due_at_any_fraction_of_a_tick() {
    for micros in 0..(1 << 14) {
        let now = NOW + Duration::from_micros(micros);
        assert!(!Ticks::after(now, KEEP).is_due(now), "{micros}");
    }
}
