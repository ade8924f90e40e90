//! `report.compose` and `report.publish`: a Markdown report, and its file.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::fs;

use super::{Job, NodeError};
use crate::node::{Input, ReportCompose, ReportPublish};
use crate::text::Statistics;

/// What reading-ease scores from some value on mean.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ScoreBand {
    /// The lowest score of the band; the lowest band takes what is below it too.
    pub from: f64,
    /// What such a text is.
    pub label: String,
}

/// What a report tells.
struct Findings {
    title: String,
    summary: String,
    statistics: Statistics,
    chunks: Option<usize>,
    bands: Vec<ScoreBand>,
}

impl Job<'_> {
    pub(super) fn compose(&self, config: &ReportCompose) -> Result<Value, NodeError> {
        let findings = Findings {
            title: self.input(&config.title)?,
            summary: self.input(&config.summary)?,
            statistics: self.input(&config.statistics)?,
            chunks: self.optional(config.chunks.as_ref())?,
            bands: self.optional(config.bands.as_ref())?.unwrap_or_default(),
        };
        Ok(json!({ "text": findings.report() }))
    }

    /// Written under another name first, so that a report is never half there.
    pub(super) async fn publish(&self, config: &ReportPublish) -> Result<Value, NodeError> {
        let text: String = self.input(&config.text)?;
        let execution_id = &self.run.info().execution_id;
        let file = format!("{}.md", self.node.id);
        let folder = self.services.data.reports(execution_id);
        fs::create_dir_all(&folder)
            .await
            .map_err(NodeError::Report)?;
        let draft = folder.join(format!("{file}.draft"));
        fs::write(&draft, &text).await.map_err(NodeError::Report)?;
        fs::rename(&draft, folder.join(&file))
            .await
            .map_err(NodeError::Report)?;
        Ok(json!({ "file": format!("reports/{execution_id}/{file}"), "bytes": text.len() }))
    }

    fn optional<T>(&self, input: Option<&Input<T>>) -> Result<Option<T>, NodeError>
    where
        T: serde::de::DeserializeOwned + Clone,
    {
        Ok(input.map(|input| self.input(input)).transpose()?)
    }
}

impl Findings {
    /// The report as Markdown. Writing into a string cannot fail.
    fn report(&self) -> String {
        let found = &self.statistics;
        let mut report = format!("# {}\n\n## Summary\n\n{}\n\n", self.title, self.summary);
        report.push_str("## In numbers\n\n");
        let words = counted(found.words, "word");
        let _ = writeln!(
            report,
            "- {words}, {} of them different",
            found.unique_words
        );
        let sentences = counted(found.sentences, "sentence");
        let paragraphs = counted(found.paragraphs, "paragraph");
        let _ = writeln!(
            report,
            "- {sentences} in {paragraphs}, {} words a sentence",
            found.words_per_sentence
        );
        if let Some(chunks) = self.chunks {
            let _ = writeln!(report, "- {}", counted(chunks, "chunk"));
        }
        let _ = writeln!(report, "- {} minutes to read", found.reading_minutes);
        let _ = write!(report, "- reading ease {}", found.reading_ease);
        if let Some(label) = self.label() {
            let _ = write!(report, ": {label}");
        }
        report.push_str("\n\n## Most frequent words\n\n");
        for word in &found.frequent_words {
            let _ = writeln!(report, "- {} ({})", word.word, word.count);
        }
        report
    }

    /// What the reading ease means, where the bands are known.
    fn label(&self) -> Option<&str> {
        let score = self.statistics.reading_ease;
        let highest = |a: &&ScoreBand, b: &&ScoreBand| a.from.total_cmp(&b.from);
        let reached = self
            .bands
            .iter()
            .filter(|band| band.from <= score)
            .max_by(highest);
        reached
            .or(self.bands.iter().min_by(highest))
            .map(|band| band.label.as_str())
    }
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::statistics;

    fn findings(text: &str) -> Findings {
        let band = |from: f64, label: &str| ScoreBand {
            from,
            label: label.into(),
        };
        Findings {
            title: "Cats".into(),
            summary: "Cats sleep.".into(),
            statistics: statistics(text).unwrap(),
            chunks: Some(1),
            bands: vec![
                band(90.0, "very easy"),
                band(50.0, "hard"),
                band(0.0, "very hard"),
            ],
        }
    }

    #[test]
    fn a_report_tells_what_was_found() {
        let report = findings("Cats sleep. Cats eat.").report();
        for part in [
            "# Cats\n",
            "Cats sleep.",
            "4 words, 3 of",
            "very easy",
            "- cats (2)",
            "- 1 chunk\n",
        ] {
            assert!(report.contains(part), "{part} in {report}");
        }
    }

    #[test]
    fn a_score_below_every_band_is_in_the_lowest() {
        let findings = findings("Incomprehensibility notwithstanding, internationalisation.");
        assert!(findings.statistics.reading_ease < 0.0);
        assert_eq!(findings.label(), Some("very hard"));
    }
}
