//! The texts of requests, as the reference writes them, and the way back.

use std::collections::BTreeSet;
use std::fmt::Debug;

use malkin_report::{FamilyId, FunctionId, JobId, ObjectId, SampleId, Sha256, UploadId};
use malkin_store::{NewJob, Upload};
use serde_json::json;

use super::*;
use crate::jobs::kind::new_job;
use crate::matching::MatchArguments;

/// Reads a job back as the worker does: by its name, then by its parameters.
fn check_read<K: Kind + PartialEq + Debug>(request: &K, job: &NewJob) {
    assert_eq!(job.method, K::METHOD);
    assert!(KINDS.iter().any(|kind| kind.method == job.method), "{} is not in the list", job.method);
    let parameters = Parameters::from_text(&job.params).unwrap();
    assert_eq!(K::read(&parameters).as_ref(), Some(request));
}

fn check<K: Kind + PartialEq + Debug>(request: &K, params: &str, descriptor: &str) {
    let job = new_job(request, None, Vec::new(), false);
    assert_eq!(job.params, params);
    assert_eq!(job.descriptor, descriptor);
    check_read(request, &job);
}

#[test]
fn names_of_kinds_are_distinct() {
    let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.method).collect();
    assert_eq!(names.len(), KINDS.len());
    assert!(has_compact_form("getMatchesForSample") && !has_compact_form("getMatchesForSampleVsGroup"));
    assert!(!has_compact_form("unknown"));
}

#[test]
fn parameters_of_another_form_are_not_read() {
    let read = |text: &str| Parameters::from_text(text);
    assert!(read("[1]").is_none() && read("{").is_none());
    let parameters = read(r#"{"0": "7", "1": {"x": 1}}"#).unwrap();
    assert_eq!(MatchSample::read(&parameters), None);
    assert_eq!(CheckRules::read(&parameters), None);
    assert_eq!(CombineToCross::read(&read(r#"{"0": {"1": "no id"}}"#).unwrap()), None);
}

#[test]
fn arguments_keep_their_order_and_the_descriptor_is_sorted() {
    let mut arguments = MatchArguments::none();
    arguments.minhash_threshold(80);
    arguments.pichash_size(20);
    arguments.band_matches_required(1);
    check(
        &MatchSample(SampleId::new(1), arguments.clone()),
        r#"{"minhash_threshold": 80, "pichash_size": 20, "band_matches_required": 1, "0": 1}"#,
        r#"["getMatchesForSample", {"0": 1, "band_matches_required": 1, "minhash_threshold": 80, "pichash_size": 20}, {}]"#,
    );
    arguments.sample_group_only(true);
    let arguments = arguments.without_group_restriction();
    check(
        &MatchSampleVsGroup(SampleId::new(0), vec![SampleId::new(1), SampleId::new(3)], arguments),
        r#"{"minhash_threshold": 80, "pichash_size": 20, "band_matches_required": 1, "0": 0, "1": [1, 3]}"#,
        r#"["getMatchesForSampleVsGroup", {"0": 0, "1": [1, 3], "band_matches_required": 1, "minhash_threshold": 80, "pichash_size": 20}, {}]"#,
    );
    check(
        &MatchFunction(FunctionId::new(7), MatchArguments::none()),
        r#"{"0": 7}"#,
        r#"["getMatchesForFunction", {"0": 7}, {}]"#,
    );
}

#[test]
fn unique_blocks_tell_samples_and_family() {
    let mut arguments = BlockArguments::none();
    arguments.family(FamilyId::new(1));
    arguments.min_instructions(8);
    arguments.covers_required(2);
    assert_eq!(arguments.options().covers_required, 2);
    assert_eq!(arguments.options().min_instructions, 8);
    check(
        &UniqueBlocks(vec![SampleId::new(1), SampleId::new(0)], arguments),
        r#"{"family_id": 1, "min_instructions": 8, "covers_required": 2, "0": [1, 0]}"#,
        r#"["getUniqueBlocks", {"0": [1, 0], "covers_required": 2, "family_id": 1, "min_instructions": 8}, {}]"#,
    );
}

#[test]
fn uploads_are_identified_by_their_content() {
    let upload = Upload { id: UploadId(ObjectId::from_bytes([1; 12])), sha256: Sha256::new([0; 32]) };
    let request = QueryReport(MatchArguments::none());
    let job = new_job(&request, Some((&upload, Sha256::new([0xab; 32]))), Vec::new(), false);
    assert_eq!(job.params, r#"{"0": null}"#);
    assert_eq!(job.file_params, r#"{"0": "010101010101010101010101"}"#);
    assert_eq!(
        job.descriptor,
        format!(r#"["getMatchesForSmdaReport", {{"0": null}}, {{"0": "{}"}}]"#, "ab".repeat(32))
    );
    check_read(&request, &job);
}

#[test]
fn samples_of_a_cross_are_sorted_by_number_in_the_descriptor() {
    let job = |byte| JobId(ObjectId::from_bytes([byte; 12]));
    let request = CombineToCross(vec![
        (SampleId::new(10), job(1)),
        (SampleId::new(2), job(2)),
        (SampleId::new(-1), job(3)),
    ]);
    let (a, b, c) = ("01".repeat(12), "02".repeat(12), "03".repeat(12));
    check(
        &request,
        &format!(r#"{{"0": {{"10": "{a}", "2": "{b}", "-1": "{c}"}}}}"#),
        &format!(r#"["combineMatchesToCross", {{"0": {{"-1": "{c}", "2": "{b}", "10": "{a}"}}}}, {{}}]"#),
    );
}

#[test]
fn changes_are_kept_as_they_were_sent() {
    let object = json!({"version": "1", "is_library": true, "bogus": {"b": 1, "a": "é"}});
    let changes = Changes::new(object.as_object().unwrap().clone());
    assert_eq!(changes.of_sample().version.as_deref(), Some("1"));
    assert_eq!(changes.of_sample().family, None);
    assert_eq!(changes.of_family().is_library, Some(true));
    check(
        &ModifySample(SampleId::new(99), changes),
        r#"{"0": 99, "1": {"version": "1", "is_library": true, "bogus": {"b": 1, "a": "\u00e9"}}}"#,
        r#"["modifySample", {"0": 99, "1": {"bogus": {"a": "\u00e9", "b": 1}, "is_library": true, "version": "1"}}, {}]"#,
    );
    check(
        &ModifyFamily(FamilyId::new(3), Changes::default()),
        r#"{"0": 3, "1": {}}"#,
        r#"["modifyFamily", {"0": 3, "1": {}}, {}]"#,
    );
}

#[test]
fn deletions_and_maintenance_have_the_texts_of_the_reference() {
    check(&DeleteSample(SampleId::new(-1)), r#"{"0": -1}"#, r#"["deleteSample", {"0": -1}, {}]"#);
    check(
        &DeleteFamily { id: FamilyId::new(5), keep_samples: false },
        r#"{"keep_samples": false, "0": 5}"#,
        r#"["deleteFamily", {"0": 5, "keep_samples": false}, {}]"#,
    );
    check(&CompleteMinHashes, r#"{"0": null}"#, r#"["updateMinHashes", {"0": null}, {}]"#);
    check(&RebuildIndex, "{}", r#"["rebuildIndex", {}, {}]"#);
    check(&RebuildBlockIndex, "{}", r#"["rebuildPicBlockHashIndex", {}, {}]"#);
    check(&RecomputeFamilyStats, "{}", r#"["recomputeFamilyStats", {}, {}]"#);
    check(&RecalculatePicHashes, "{}", r#"["recalculatePicHashes", {}, {}]"#);
    check(&RecalculateMinHashes, "{}", r#"["recalculateMinHashes", {}, {}]"#);
    check(&RepairMinHashes, "{}", r#"["repairMinHashes", {}, {}]"#);
    let counting = UpdateMinHashesForSample(SampleId::new(4));
    check(&counting, r#"{"0": 4}"#, r#"["updateMinHashesForSample", {"0": 4}, {}]"#);
}

#[test]
fn binaries_tell_what_was_said_about_them() {
    let upload = Upload { id: UploadId(ObjectId::from_bytes([7; 12])), sha256: Sha256::new([0xab; 32]) };
    let file = Some((&upload, upload.sha256));
    fn check<K: Kind + PartialEq + Debug>(request: K, file: Option<(&Upload, Sha256)>, params: &str) {
        let job = new_job(&request, file, Vec::new(), true);
        assert_eq!(job.params, params);
        check_read(&request, &job);
    }
    let said = BinaryArguments {
        filename: Some("a/b".to_owned()),
        family: None,
        version: Some(String::new()),
        is_dump: true,
        base_addr: u64::MAX,
        bitness: 64,
    };
    check(
        AddBinary(said),
        file,
        r#"{"0": null, "1": "a/b", "2": null, "3": "", "4": true, "5": 18446744073709551615, "6": 64}"#,
    );
    let mut arguments = MatchArguments::none();
    arguments.pichash_size(5);
    check(QueryBinary(arguments.clone()), file, r#"{"pichash_size": 5, "0": null}"#);
    check(QueryMapped(0x40_0000, arguments), file, r#"{"pichash_size": 5, "0": null, "1": 4194304}"#);
}
