//! The way of an event into the state, and of the changes out of it, allocates nothing but room for
//! what is kept.

use std::rc::Rc;

use flowmaestro_execution::{Arrival, Change, Options, Run};
use flowmaestro_protocol::EventType;

const NODES: u32 = 100;

fn event(event: EventType, seq: u64, node: u32, payload: &Rc<str>) -> Arrival<Rc<str>> {
    Arrival {
        event,
        at: seq as f64,
        seq: Some(seq),
        subject: Some(node),
        numbers: [1.0, 2.0, 3.0],
        payload: payload.clone(),
        size: 4,
    }
}

/// What a frame with 100 events does, and a page that looks on.
fn frame(run: &mut Run<Rc<str>>, seq: &mut u64, kinds: &[EventType], payload: &Rc<str>) -> usize {
    let mut chunks = 0;
    for node in 0..NODES {
        for kind in kinds {
            *seq += 1;
            assert_ne!(run.apply(event(*kind, *seq, node, payload)), Change::None);
        }
    }
    let changes = run.take_changes();
    for id in changes.nodes() {
        if let Some(text) = changes.text(*id) {
            chunks += text.chunks().count();
        }
    }
    chunks
}

#[test]
fn a_chunk_costs_no_allocation() {
    let payload: Rc<str> = "text".into();
    let options = Options {
        max_text: 2000, // soon reached
        ..Options::default()
    };
    let mut run = Run::new(options);
    let mut seq = 0;
    let kinds = [EventType::NodeStream];
    // Room for the nodes, and for as many chunks as may still be overtaken.
    for _ in 0..300 {
        frame(&mut run, &mut seq, &kinds, &payload);
    }
    let mut chunks = 0;
    let info = allocation_counter::measure(|| {
        for _ in 0..1000 {
            chunks += frame(&mut run, &mut seq, &kinds, &payload);
        }
    });
    assert_eq!(chunks, 100_000, "each was handed over once");
    assert_eq!(info.count_total, 0);
}

#[test]
fn an_event_of_a_node_costs_no_allocation() {
    let payload: Rc<str> = "text".into();
    let mut run = Run::new(Options::default());
    let mut seq = 0;
    let kinds = [
        EventType::NodeStarted,
        EventType::NodeStream,
        EventType::NodeRetry,
        EventType::UserInputRequired,
        EventType::UserInputResponse,
        EventType::NodeCompleted,
        EventType::ExecutionProgress,
    ];
    for _ in 0..10 {
        frame(&mut run, &mut seq, &kinds, &payload); // until the log is full
    }
    let info = allocation_counter::measure(|| {
        for _ in 0..100 {
            frame(&mut run, &mut seq, &kinds, &payload);
        }
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn an_event_that_comes_again_costs_no_allocation() {
    let payload: Rc<str> = "text".into();
    let mut run = Run::new(Options::default());
    let kinds = [
        EventType::NodeStarted,
        EventType::NodeStream,
        EventType::NodeCompleted,
    ];
    frame(&mut run, &mut 0, &kinds, &payload);
    let info = allocation_counter::measure(|| {
        let mut seq = 0;
        for node in 0..NODES {
            for kind in kinds {
                seq += 1;
                assert_eq!(run.apply(event(kind, seq, node, &payload)), Change::None);
            }
        }
    });
    assert_eq!(info.count_total, 0);
}
