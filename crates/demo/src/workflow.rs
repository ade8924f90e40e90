//! Workflow definitions: typed, and checked when they are loaded, so that a run can only meet
//! failures of the work itself.

use std::collections::{BTreeMap, HashSet};

use petgraph::algo::{has_path_connecting, toposort};
use petgraph::graphmap::DiGraphMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use crate::node::{NodeKind, RUN, Reference};
use crate::nodes::Outputs;

/// The definitions that come with the demo, in the order in which they are listed.
const BUNDLED: [&str; 4] = [
    include_str!("../workflows/document-report.json"),
    include_str!("../workflows/quick-analysis.json"),
    include_str!("../workflows/second-opinion.json"),
    include_str!("../workflows/failing-run.json"),
];

/// The fields that a node may read of [`RUN`].
const RUN_FIELDS: &[&str] = &["executionId", "workflowName", "scoreTableUrl"];

/// The longest id of a node.
const MAX_ID_CHARS: usize = 64;

/// A checked definition: nodes, and edges that make a graph without a cycle.
#[derive(Debug)]
pub struct Workflow {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What it does, for people.
    pub description: String,
    /// Its nodes, each one after all that lead to it.
    pub nodes: Vec<Node>,
    /// Its edges.
    pub edges: Vec<Edge>,
    /// What a completed run hands out, by name.
    pub outputs: BTreeMap<String, Reference>,
}

/// A step of a workflow.
#[derive(Debug)]
pub struct Node {
    /// Its id, unique in the workflow.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What it does, for people.
    pub description: String,
    /// Its type as the definition names it, such as `text.split`.
    pub type_name: String,
    /// Its type and configuration.
    pub kind: NodeKind,
}

/// "`to` runs after `from`", if `from` ends with the outcome `when`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The node before.
    pub from: String,
    /// The node after.
    pub to: String,
    /// The outcome with which the edge is taken.
    #[serde(default, skip_serializing)]
    pub when: Outcome,
}

/// How a node ended, for the edges that leave it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should. The only outcome of every type but `user.approval`.
    #[default]
    Done,
    /// The person said no.
    Rejected,
}

/// Where a node of a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// A node before it is still to end.
    Blocked,
    /// It can run.
    Ready,
    /// It has run.
    Completed,
    /// No edge that leads to it was taken.
    Skipped,
}

/// Why a definition is refused.
#[derive(Debug, Error)]
#[error("workflow definition {workflow:?}: {problem}")]
pub struct WorkflowError {
    workflow: String,
    problem: Problem,
}

/// What is wrong with a definition.
#[derive(Debug, Error)]
pub enum Problem {
    /// Not JSON, or not of the right shape.
    #[error("it cannot be read: {0}")]
    Unreadable(serde_json::Error),
    /// Another definition has its id.
    #[error("another definition has the same id; ids have to be unique")]
    DuplicateWorkflow,
    /// There is nothing to run.
    #[error("it has no nodes; add at least one")]
    NoNodes,
    /// An id that cannot be used.
    #[error(
        "node id {0:?} cannot be used: an id has 1 to {MAX_ID_CHARS} of a-z, A-Z, 0-9, - and _, \
         and {RUN:?} is taken"
    )]
    BadId(String),
    /// Two nodes with one id.
    #[error("two nodes have the id {0:?}; ids have to be unique")]
    DuplicateNode(String),
    /// An unknown node type, or a configuration that does not fit the type.
    #[error("node {node:?}: {source}")]
    BadNode {
        /// The node.
        node: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// An edge from or to nowhere.
    #[error("the edge {0:?} → {1:?} names a node that does not exist")]
    UnknownEdgeEnd(String, String),
    /// The same edge twice.
    #[error("the edge {0:?} → {1:?} stands there twice")]
    DuplicateEdge(String, String),
    /// Only a person can reject.
    #[error("the edge {0:?} → {1:?} waits for a rejection, but {0:?} is not a user.approval node")]
    CannotReject(String, String),
    /// The edges lead in a circle.
    #[error("the edges lead from node {0:?} back to itself; a workflow has to come to an end")]
    Cycle(String),
    /// A node reads from one that does not run before it.
    #[error("node {node:?} reads {reference}, but no edges lead from there to it")]
    NotBefore {
        /// The node that reads.
        node: String,
        /// What it reads.
        reference: Reference,
    },
    /// There is no such output.
    #[error("{0} does not exist: there is no such node, or its output has no such field")]
    NoSuchOutput(Reference),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWorkflow {
    id: String,
    name: String,
    description: String,
    nodes: Vec<RawNode>,
    edges: Vec<Edge>,
    outputs: BTreeMap<String, Reference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    id: String,
    name: String,
    description: String,
    #[serde(rename = "type")]
    type_name: String,
    #[serde(default)]
    config: serde_json::Map<String, Value>,
}

/// The definitions that come with the demo.
///
/// # Errors
///
/// [`WorkflowError`] names the definition and what is wrong with it.
pub fn bundled() -> Result<Vec<Workflow>, WorkflowError> {
    load(&BUNDLED)
}

/// Reads and checks a set of definitions, JSON texts.
///
/// # Errors
///
/// [`WorkflowError`] names the definition and what is wrong with it.
pub fn load(definitions: &[&str]) -> Result<Vec<Workflow>, WorkflowError> {
    let mut workflows: Vec<Workflow> = Vec::with_capacity(definitions.len());
    for definition in definitions {
        let workflow = Workflow::parse(definition)?;
        if workflows.iter().any(|other| other.id == workflow.id) {
            let problem = Problem::DuplicateWorkflow;
            return Err(WorkflowError {
                workflow: workflow.id,
                problem,
            });
        }
        workflows.push(workflow);
    }
    Ok(workflows)
}

impl Workflow {
    /// Reads and checks one definition, a JSON text.
    ///
    /// # Errors
    ///
    /// [`WorkflowError`] names the definition and what is wrong with it.
    pub fn parse(definition: &str) -> Result<Self, WorkflowError> {
        let raw: RawWorkflow = serde_json::from_str(definition).map_err(|error| {
            let problem = Problem::Unreadable(error);
            WorkflowError {
                workflow: claimed_id(definition),
                problem,
            }
        })?;
        let id = raw.id.clone();
        Self::check(raw).map_err(|problem| WorkflowError {
            workflow: id,
            problem,
        })
    }

    /// Whether a run needs a document.
    pub fn needs_document(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| matches!(node.kind, NodeKind::DocumentRead(_)))
    }

    /// Where each node stands, in the order of [`nodes`](Self::nodes), given the outputs of those
    /// that have run.
    pub fn stands(&self, outputs: &Outputs) -> Vec<(&Node, Stand)> {
        let mut stands: Vec<(&Node, Stand)> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let stand = self.stand(node, &stands, outputs);
            stands.push((node, stand));
        }
        stands
    }

    /// Whether the person's "no" at this node leads somewhere; else it fails the run.
    pub fn continues_when_rejected(&self, node_id: &str) -> bool {
        self.edges
            .iter()
            .any(|edge| edge.from == node_id && edge.when == Outcome::Rejected)
    }

    fn stand(&self, node: &Node, before: &[(&Node, Stand)], outputs: &Outputs) -> Stand {
        if outputs.contains_key(&node.id) {
            return Stand::Completed;
        }
        let mut incoming = self
            .edges
            .iter()
            .filter(|edge| edge.to == node.id)
            .peekable();
        if incoming.peek().is_none() {
            return Stand::Ready;
        }
        let mut taken = false;
        for edge in incoming {
            match before.iter().find(|(node, _)| node.id == edge.from) {
                Some((_, Stand::Completed)) => {
                    taken |= outputs
                        .get(&edge.from)
                        .is_some_and(|out| outcome(out) == edge.when);
                }
                Some((_, Stand::Skipped)) => {}
                _ => return Stand::Blocked,
            }
        }
        if taken { Stand::Ready } else { Stand::Skipped }
    }

    fn check(raw: RawWorkflow) -> Result<Self, Problem> {
        let mut nodes = raw
            .nodes
            .into_iter()
            .map(Node::check)
            .collect::<Result<Vec<_>, _>>()?;
        if nodes.is_empty() {
            return Err(Problem::NoNodes);
        }
        check_unique(&nodes)?;
        check_edges(&nodes, &raw.edges)?;
        let graph = graph(&nodes, &raw.edges);
        let order: Vec<String> = toposort(&graph, None)
            .map_err(|cycle| Problem::Cycle(cycle.node_id().to_owned()))?
            .into_iter()
            .map(str::to_owned)
            .collect();
        check_references(&nodes, &graph)?;
        for reference in raw.outputs.values() {
            check_output(&nodes, reference)?;
        }
        nodes.sort_by_key(|node| order.iter().position(|id| *id == node.id));
        Ok(Self {
            id: raw.id,
            name: raw.name,
            description: raw.description,
            nodes,
            edges: raw.edges,
            outputs: raw.outputs,
        })
    }
}

impl Node {
    fn check(raw: RawNode) -> Result<Self, Problem> {
        let RawNode {
            id,
            name,
            description,
            type_name,
            config,
        } = raw;
        if !is_usable_id(&id) {
            return Err(Problem::BadId(id));
        }
        match serde_json::from_value(json!({ "type": type_name, "config": config })) {
            Ok(kind) => Ok(Self {
                id,
                name,
                description,
                type_name,
                kind,
            }),
            Err(source) => Err(Problem::BadNode { node: id, source }),
        }
    }
}

/// An id is also a part of a file's name.
fn is_usable_id(id: &str) -> bool {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=MAX_ID_CHARS).contains(&id.len()) && id.chars().all(usable) && id != RUN
}

/// The outcome that an output tells of: only `user.approval` has a `decision`.
fn outcome(output: &Value) -> Outcome {
    match output.get("decision").and_then(Value::as_str) {
        Some("reject") => Outcome::Rejected,
        _ => Outcome::Done,
    }
}

/// The id of a definition of the wrong shape, for the error.
fn claimed_id(definition: &str) -> String {
    let value: Value = serde_json::from_str(definition).unwrap_or_default();
    value
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn check_unique(nodes: &[Node]) -> Result<(), Problem> {
    let mut seen = HashSet::new();
    match nodes.iter().find(|node| !seen.insert(&node.id)) {
        Some(node) => Err(Problem::DuplicateNode(node.id.clone())),
        None => Ok(()),
    }
}

fn check_edges(nodes: &[Node], edges: &[Edge]) -> Result<(), Problem> {
    let mut seen = HashSet::new();
    for edge in edges {
        let ends = || (edge.from.clone(), edge.to.clone());
        let find = |id: &str| nodes.iter().find(|node| node.id == id);
        let (Some(from), Some(_)) = (find(&edge.from), find(&edge.to)) else {
            let (from, to) = ends();
            return Err(Problem::UnknownEdgeEnd(from, to));
        };
        if !seen.insert((&edge.from, &edge.to)) {
            let (from, to) = ends();
            return Err(Problem::DuplicateEdge(from, to));
        }
        if edge.when == Outcome::Rejected && !matches!(from.kind, NodeKind::UserApproval(_)) {
            let (from, to) = ends();
            return Err(Problem::CannotReject(from, to));
        }
    }
    Ok(())
}

fn graph<'a>(nodes: &'a [Node], edges: &'a [Edge]) -> DiGraphMap<&'a str, ()> {
    let mut graph = DiGraphMap::from_edges(edges.iter().map(|e| (e.from.as_str(), e.to.as_str())));
    for node in nodes {
        graph.add_node(&node.id);
    }
    graph
}

fn check_references(nodes: &[Node], graph: &DiGraphMap<&str, ()>) -> Result<(), Problem> {
    for node in nodes {
        for reference in node.kind.references() {
            check_output(nodes, reference)?;
            let from = reference.from.as_str();
            let before = from != node.id && has_path_connecting(graph, from, &node.id, None);
            if from != RUN && !before {
                let (node, reference) = (node.id.clone(), reference.clone());
                return Err(Problem::NotBefore { node, reference });
            }
        }
    }
    Ok(())
}

fn check_output(nodes: &[Node], reference: &Reference) -> Result<(), Problem> {
    let fields = if reference.from == RUN {
        Some(RUN_FIELDS)
    } else {
        nodes
            .iter()
            .find(|node| node.id == reference.from)
            .map(|node| node.kind.output_fields())
    };
    let known = fields.is_some_and(|fields| reference.field().is_none_or(|f| fields.contains(&f)));
    if known {
        Ok(())
    } else {
        Err(Problem::NoSuchOutput(reference.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A definition with these nodes and edges, and what loading it says.
    fn problem(nodes: Value, edges: Value) -> String {
        let definition = definition(nodes, edges).to_string();
        Workflow::parse(&definition).unwrap_err().to_string()
    }

    fn definition(nodes: Value, edges: Value) -> Value {
        json!({
            "id": "w", "name": "W", "description": "", "outputs": {},
            "nodes": nodes, "edges": edges,
        })
    }

    fn node(id: &str, type_name: &str, config: Value) -> Value {
        json!({ "id": id, "name": id, "description": "", "type": type_name, "config": config })
    }

    fn sample(id: &str) -> Value {
        node(id, "text.sample", json!({ "sample": "river" }))
    }

    fn count(id: &str, from: &str, path: &str) -> Value {
        node(
            id,
            "text.statistics",
            json!({ "text": { "from": from, "path": path } }),
        )
    }

    fn ask(id: &str) -> Value {
        node(id, "user.approval", json!({ "prompt": "?", "text": "x" }))
    }

    #[test]
    fn the_bundled_definitions_are_right() {
        let workflows = bundled().unwrap();
        assert_eq!(workflows.len(), BUNDLED.len());
        assert!(workflows[0].needs_document() && !workflows[1].needs_document());
    }

    #[test]
    fn nodes_are_put_into_the_order_of_the_edges() {
        let nodes = json!([count("b", "a", "text"), sample("a")]);
        let definition = definition(nodes, json!([{ "from": "a", "to": "b" }])).to_string();
        let workflow = Workflow::parse(&definition).unwrap();
        let ids: Vec<_> = workflow.nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[test]
    fn wrong_definitions_are_refused_with_a_reason() {
        let two = || json!([sample("a"), count("b", "a", "text")]);
        let edge = |from: &str, to: &str| json!({ "from": from, "to": to });
        for (nodes, edges, reason) in [
            (json!([]), json!([]), "has no nodes"),
            (
                json!([sample("a"), sample("a")]),
                json!([]),
                "two nodes have the id \"a\"",
            ),
            (
                json!([sample("")]),
                json!([]),
                "node id \"\" cannot be used",
            ),
            (json!([sample("run")]), json!([]), "\"run\" is taken"),
            (
                json!([sample("../x")]),
                json!([]),
                "node id \"../x\" cannot be used",
            ),
            (
                json!([sample(&"x".repeat(65))]),
                json!([]),
                "cannot be used",
            ),
            (
                json!([node("a", "email", json!({}))]),
                json!([]),
                "unknown variant `email`, expected",
            ),
            (
                json!([node("a", "text.split", json!({ "text": "x", "size": 0 }))]),
                json!([]),
                "node \"a\": invalid value: integer `0`, expected a nonzero",
            ),
            (
                json!([node("a", "fail", json!({}))]),
                json!([]),
                "missing field `message`",
            ),
            (
                json!([node("a", "fail", json!({ "message": "m", "mesage": 1 }))]),
                json!([]),
                "unknown field `mesage`",
            ),
            (
                json!([node(
                    "a",
                    "text.stream",
                    json!({ "text": { "from": "x", "pth": "y" } })
                )]),
                json!([]),
                "unknown field `pth`",
            ),
            (
                json!([node("a", "text.stream", json!({ "text": 5 }))]),
                json!([]),
                "expected a string",
            ),
            (
                two(),
                json!([edge("a", "c")]),
                "\"a\" → \"c\" names a node that does not exist",
            ),
            (
                two(),
                json!([edge("a", "b"), edge("a", "b")]),
                "stands there twice",
            ),
            (
                two(),
                json!([{ "from": "a", "to": "b", "when": "rejected" }]),
                "\"a\" is not a user.approval node",
            ),
            (
                two(),
                json!([{ "from": "a", "to": "b", "when": "never" }]),
                "unknown variant `never`",
            ),
            (
                two(),
                json!([edge("a", "b"), edge("b", "a")]),
                "back to itself",
            ),
            (
                json!([sample("a")]),
                json!([edge("a", "a")]),
                "back to itself",
            ),
            (
                two(),
                json!([]),
                "\"b\" reads \"a.text\", but no edges lead from there to it",
            ),
            (
                json!([count("b", "b", "words")]),
                json!([]),
                "no edges lead from there",
            ),
            (
                json!([sample("a"), count("b", "a", "words")]),
                json!([edge("a", "b")]),
                "\"a.words\" does not exist",
            ),
            (
                json!([count("b", "c", "text")]),
                json!([]),
                "\"c.text\" does not exist",
            ),
            (
                json!([count("b", "run", "owner")]),
                json!([]),
                "\"run.owner\" does not exist",
            ),
        ] {
            let problem = problem(nodes, edges);
            assert!(
                problem.contains("\"w\"") && problem.contains(reason),
                "{reason}: {problem}"
            );
        }
    }

    #[test]
    fn other_faults_of_definitions() {
        let of = |text: &str| Workflow::parse(text).unwrap_err().to_string();
        assert!(of("nonsense").contains("cannot be read"));
        assert!(of(r#"{"id":"w"}"#).contains("\"w\": it cannot be read: missing field `name`"));
        let mut wrong = definition(json!([sample("a")]), json!([]));
        wrong["outputs"] = json!({ "x": { "from": "b", "path": "text" } });
        assert!(of(&wrong.to_string()).contains("\"b.text\" does not exist"));
        let right = definition(json!([sample("a")]), json!([])).to_string();
        let twice = load(&[right.as_str(), right.as_str()])
            .unwrap_err()
            .to_string();
        assert!(
            twice.contains("another definition has the same id"),
            "{twice}"
        );
    }

    #[test]
    fn nodes_run_when_all_before_them_are_done_with() {
        let nodes = json!([
            ask("a"),
            sample("yes"),
            sample("no"),
            sample("after"),
            sample("end")
        ]);
        let edges = json!([
            { "from": "a", "to": "yes" },
            { "from": "a", "to": "no", "when": "rejected" },
            { "from": "no", "to": "after" },
            { "from": "yes", "to": "end" },
            { "from": "after", "to": "end" },
        ]);
        let workflow = Workflow::parse(&definition(nodes, edges).to_string()).unwrap();
        let mut outputs = Outputs::default();
        let stand = |outputs: &Outputs, id: &str| {
            workflow
                .stands(outputs)
                .into_iter()
                .find(|(node, _)| node.id == id)
                .unwrap()
                .1
        };
        assert_eq!(stand(&outputs, "a"), Stand::Ready);
        assert_eq!(stand(&outputs, "yes"), Stand::Blocked);

        outputs.insert("a".into(), json!({ "decision": "reject" }));
        assert_eq!(stand(&outputs, "a"), Stand::Completed);
        assert_eq!(stand(&outputs, "yes"), Stand::Skipped);
        assert_eq!(stand(&outputs, "no"), Stand::Ready);
        assert_eq!(
            stand(&outputs, "end"),
            Stand::Blocked,
            "the other branch may still lead there"
        );

        outputs.insert("a".into(), json!({ "decision": "edit" }));
        assert_eq!(stand(&outputs, "yes"), Stand::Ready);
        assert_eq!(
            stand(&outputs, "after"),
            Stand::Skipped,
            "what follows a skipped node is too"
        );
        outputs.insert("yes".into(), json!({}));
        assert_eq!(
            stand(&outputs, "end"),
            Stand::Ready,
            "one taken edge is enough"
        );
        assert!(workflow.continues_when_rejected("a"));
        assert!(!workflow.continues_when_rejected("no"));
    }
}
