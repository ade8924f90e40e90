//! Any events, in any order, any number of times.

#![allow(clippy::indexing_slicing, reason = "a test that fails should panic")]

mod common;
#[path = "common/model.rs"]
mod model;

use std::rc::Rc;

use common::{Event, Page, Payload, numbered, of, saying, with};
use flowmaestro_execution::{Change, Options, Run};
use flowmaestro_protocol::EventType;
use proptest::prelude::*;
use proptest::sample::select;

const NODES: u32 = 3;

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// One event of a story: what happens, to which node, how long after the one before.
type Beat = (EventType, u32, u32, u8);

fn beat() -> impl Strategy<Value = Beat> {
    use EventType as E;
    let kind = prop_oneof![
        2 => select(vec![E::ExecutionStarted, E::ExecutionProgress]),
        1 => select(vec![E::ExecutionCompleted, E::ExecutionFailed]),
        4 => select(vec![E::NodeStarted, E::NodeRetry]),
        4 => select(vec![E::NodeCompleted, E::NodeFailed]),
        4 => select(vec![E::UserInputRequired, E::UserInputResponse]),
        6 => Just(E::NodeStream),
    ];
    (kind, 0..NODES, 0..3u32, 0..6u8)
}

/// Long texts, now and then begun anew.
fn streamed_beat() -> impl Strategy<Value = Beat> {
    let chunk = (Just(EventType::NodeStream), 0..NODES, 0..3u32, 0..6u8);
    prop_oneof![30 => chunk, 1 => beat()]
}

fn story(longest: usize) -> impl Strategy<Value = Vec<Beat>> {
    prop::collection::vec(beat(), 0..longest)
}

fn payload(place: usize, length: u8) -> String {
    let mut text = format!("{place}.");
    text.extend(std::iter::repeat_n('x', length.into()));
    text
}

fn told(beats: &[Beat], pause: u32) -> Vec<Event> {
    let mut at = 1000;
    let tell = |(place, &(kind, node, wait, length)): (usize, &Beat)| {
        at += wait + pause;
        let event = of(kind, f64::from(at), node);
        let numbers = match kind {
            EventType::ExecutionStarted => [f64::from(node), 0.0, 0.0],
            EventType::ExecutionProgress => [f64::from(node), 8.0, f64::from(wait)],
            EventType::ExecutionCompleted | EventType::NodeCompleted => [f64::from(wait), 0.0, 0.0],
            EventType::NodeRetry => [f64::from(length) + 2.0, f64::from(wait), 0.0],
            _ => [0.0; 3],
        };
        let mut event = with(numbers, saying(&payload(place, length), event));
        let is_of_run = kind < EventType::ExecutionFailed;
        event.subject = event.subject.filter(|_| !is_of_run);
        event
    };
    beats.iter().enumerate().map(tell).collect()
}

/// In the order of their numbers; several may be of one millisecond.
fn with_numbers(beats: &[Beat]) -> Vec<Event> {
    let events = told(beats, 0);
    let numbers = 1..;
    numbers
        .zip(events)
        .map(|(number, event)| numbered(number, event))
        .collect()
}

/// Some with their numbers, some without, as when a history is fetched from elsewhere; their times
/// agree with the numbers.
fn with_some_numbers(beats: &[Beat], numbered_ones: &[bool]) -> Vec<Event> {
    let mut events = without_numbers(beats);
    for (number, (event, is_numbered)) in (1..).zip(events.iter_mut().zip(numbered_ones)) {
        event.seq = is_numbered.then_some(number);
    }
    events
}

/// Each of another millisecond. A node asks at most once, and is answered once, afterwards: whom
/// other answers belong to depends on when they come.
fn without_numbers(beats: &[Beat]) -> Vec<Event> {
    let mut events = told(beats, 1);
    let mut asked = [0; NODES as usize];
    events.retain(|event| {
        let Some(node) = event.subject else {
            return true;
        };
        let asked = &mut asked[node as usize];
        let stays = match event.event {
            EventType::UserInputRequired => *asked == 0,
            EventType::UserInputResponse => *asked == 1,
            _ => return true,
        };
        *asked += u8::from(stays);
        stays
    });
    events
}

fn options() -> impl Strategy<Value = Options> {
    let limits = (
        select(vec![0, 1, 2, 1000]),
        select(vec![0, 1, 4, 1000]),
        select(vec![0, 1, 7, 20, 1000]),
        select(vec![0, 4, 1000]),
        select(vec![0, 5, 1000]),
    );
    limits.prop_map(
        |(max_nodes, max_log, max_text, max_payload, max_log_payload)| Options {
            max_nodes,
            max_log,
            max_text,
            max_payload,
            max_log_payload,
            ..Options::default()
        },
    )
}

/// In which order, and with which repetitions, so many events come; and before which of these the
/// page is told.
#[derive(Clone, Debug)]
struct Delivery {
    order: Vec<usize>,
    tellings: Vec<bool>,
}

fn delivery(count: usize) -> impl Strategy<Value = Delivery> {
    let order = prop::collection::vec(0..count.max(1), 0..8)
        .prop_map(move |repeated| {
            (0..count)
                .chain(repeated.into_iter().filter(move |place| *place < count))
                .collect()
        })
        .prop_flat_map(|order: Vec<usize>| Just(order).prop_shuffle());
    (order, prop::collection::vec(any::<bool>(), 16))
        .prop_map(|(order, tellings)| Delivery { order, tellings })
}

fn delivered() -> impl Strategy<Value = (Vec<Beat>, Delivery)> {
    story(50).prop_flat_map(|beats| {
        let count = beats.len();
        (Just(beats), delivery(count))
    })
}

/// Chunks without numbers come once; everything else as often as it likes.
fn deliver(run: &mut Run<Payload>, events: &[Event], delivery: &Delivery) -> Page {
    let mut page = Page::default();
    let mut once = vec![false; events.len()];
    for (place, telling) in delivery.order.iter().zip(delivery.tellings.iter().cycle()) {
        let Some(event) = events.get(*place) else {
            continue;
        };
        let is_told_by_number = event.seq.is_some() || event.event != EventType::NodeStream;
        if is_told_by_number || !once[*place] {
            once[*place] = true;
            run.apply(event.clone());
        }
        if *telling {
            page.tell(&run.take_changes());
        }
    }
    page.tell(&run.take_changes());
    page
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn numbered_events_give_the_same_state_in_any_order_and_number(
        (beats, delivery) in delivered(),
        options in options(),
    ) {
        let events = with_numbers(&beats);
        let mut run = Run::new(options);
        let page = deliver(&mut run, &events, &delivery);
        prop_assert_eq!(page.uncounted(), model::page(&events, options));
    }

    #[test]
    fn dated_events_give_the_same_state_in_any_order_and_number(
        (beats, delivery) in delivered(),
        options in options(),
    ) {
        let events = without_numbers(&beats);
        let mut run = Run::new(options);
        let page = deliver(&mut run, &events, &delivery);
        prop_assert_eq!(page.uncounted(), model::page(&events, options));
    }

    #[test]
    fn events_of_which_some_are_numbered_give_the_same_state_in_any_order(
        (beats, delivery) in delivered(),
        numbered_ones in prop::collection::vec(any::<bool>(), 50),
        options in options(),
    ) {
        let events = with_some_numbers(&beats, &numbered_ones);
        let mut run = Run::new(options);
        let page = deliver(&mut run, &events, &delivery);
        prop_assert_eq!(page.uncounted(), model::page(&events, options));
    }

    /// An event is told as a change if and only if the page shows something else after it, and
    /// nothing is named that looks as before.
    #[test]
    fn what_has_changed_is_told_and_nothing_else(
        (beats, delivery) in delivered(),
        options in options(),
    ) {
        let events = with_numbers(&beats);
        let mut run = Run::new(options);
        let mut page = Page::default();
        for place in delivery.order {
            let before = page.clone();
            let when = run.apply(events[place].clone());
            let changes = run.take_changes();
            prop_assert_eq!(changes.when(), when);
            page.tell(&changes);
            let changed: Vec<u32> = (0..NODES)
                .filter(|id| before.nodes.get(id) != page.nodes.get(id))
                .collect();
            let mut told = changes.nodes().to_vec();
            told.sort_unstable();
            prop_assert_eq!(told, changed);
            prop_assert_eq!(changes.header(), page.header != before.header);
            prop_assert_eq!(changes.pending(), page.pending != before.pending);
            prop_assert_eq!(changes.log().is_some(), page.log != before.log);
            prop_assert_eq!(when == Change::None, page == before);
            drop(changes);
            prop_assert_eq!(run.changed(), Change::None);
        }
    }

    /// Every step of the way the page has what somebody is told who was not there before.
    #[test]
    fn the_page_has_at_any_time_what_the_run_says(
        (beats, delivery) in delivered(),
        options in options(),
    ) {
        let events = with_numbers(&beats);
        let (mut run, mut page) = (Run::new(options), Page::default());
        let mut so_far = Vec::new();
        for place in delivery.order {
            run.apply(events[place].clone());
            so_far.push(events[place].clone());
            page.tell(&run.take_changes());
            let mut sorted = so_far.clone();
            sorted.sort_by_key(|event| event.seq);
            sorted.dedup_by_key(|event| event.seq);
            prop_assert_eq!(page.clone().uncounted(), model::page(&sorted, options));
        }
    }

    /// However long a text is, and however much of it is settled: what comes no later than the
    /// window allows finds its place, and what comes again at any time is known.
    #[test]
    fn what_comes_within_the_window_finds_its_place(
        (beats, late) in (0..300usize).prop_flat_map(|count| (
            prop::collection::vec(streamed_beat(), count),
            prop::collection::vec(0..5usize, count),
        )),
        again in prop::collection::vec((0..300usize, 0..300usize), 0..20),
        reorder_window in 5..9u32,
        max_text in select(vec![3, 50, 10_000]),
        telling in 1..20usize,
    ) {
        let events = with_numbers(&beats);
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by_key(|place| place + late[*place]);
        for (from, to) in again {
            if from < to && to < order.len() {
                order.insert(to, order[from]);
            }
        }
        let options = Options { reorder_window, max_text, ..Options::default() };
        let mut run = Run::new(options);
        let mut page = Page::told_all(&mut run);
        for (count, place) in order.into_iter().enumerate() {
            run.apply(events[place].clone());
            if count % telling == 0 {
                page.tell(&run.take_changes());
            }
        }
        page.tell(&run.take_changes());
        prop_assert_eq!(page.uncounted(), model::page(&events, options));
    }

    /// Whatever comes, and whether or not the page ever asks.
    #[test]
    fn what_is_kept_is_bounded(
        beats in story(200),
        is_told in any::<bool>(),
        max_text in 0..30u32,
        max_log in 0..10u32,
        max_nodes in 0..=NODES,
        reorder_window in 0..4u32,
    ) {
        let options = Options {
            max_nodes,
            max_log,
            max_text,
            reorder_window,
            ..Options::default()
        };
        let mut run = Run::new(options);
        let token: Payload = Rc::from("the only payload");
        for event in told(&beats, 0) {
            run.apply(Event { payload: token.clone(), ..event });
            if is_told {
                drop(run.take_changes());
            }
        }
        // A chunk is at least two units long, and one may stick out of the limit.
        let of_text = max_text.div_ceil(2) + 1 + if is_told { 2 * reorder_window } else { 0 };
        let of_nodes = max_nodes * (4 + of_text);
        let kept = Rc::strong_count(&token) - 1;
        prop_assert!(kept <= (3 + max_log + of_nodes) as usize, "{kept} payloads");
        prop_assert!(run.log().len() <= max_log as usize);
        prop_assert!(run.node_count() <= max_nodes as usize);
        for id in 0..max_nodes {
            let length = run.node(id).map_or(0, |node| node.text_length());
            prop_assert!(length <= max_text.into());
        }
    }
}
