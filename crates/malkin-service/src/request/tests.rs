//! The texts of requests, as the reference writes them, and the way back.

use malkin_report::{ObjectId, Sha256};

use super::*;

fn check(request: &Request, params: &str, descriptor: &str) {
    let job = request.to_job(None, Vec::new(), false);
    assert_eq!(job.params, params);
    assert_eq!(job.descriptor, descriptor);
    assert_eq!(Request::parse(&job.method, &job.params, &job.file_params).as_ref(), Some(request));
}

#[test]
fn arguments_keep_their_order_and_the_descriptor_is_sorted() {
    let mut arguments = MatchArguments::none();
    arguments.minhash_threshold(80);
    arguments.pichash_size(20);
    arguments.band_matches_required(1);
    check(
        &Request::MatchSample(SampleId::new(1), arguments.clone()),
        r#"{"minhash_threshold": 80, "pichash_size": 20, "band_matches_required": 1, "0": 1}"#,
        r#"["getMatchesForSample", {"0": 1, "band_matches_required": 1, "minhash_threshold": 80, "pichash_size": 20}, {}]"#,
    );
    arguments.sample_group_only(true);
    let arguments = arguments.without_group_restriction();
    check(
        &Request::MatchSampleVsGroup(SampleId::new(0), vec![SampleId::new(1), SampleId::new(3)], arguments),
        r#"{"minhash_threshold": 80, "pichash_size": 20, "band_matches_required": 1, "0": 0, "1": [1, 3]}"#,
        r#"["getMatchesForSampleVsGroup", {"0": 0, "1": [1, 3], "band_matches_required": 1, "minhash_threshold": 80, "pichash_size": 20}, {}]"#,
    );
    check(
        &Request::MatchFunction(FunctionId::new(7), MatchArguments::none()),
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
        &Request::UniqueBlocks(vec![SampleId::new(1), SampleId::new(0)], arguments),
        r#"{"family_id": 1, "min_instructions": 8, "covers_required": 2, "0": [1, 0]}"#,
        r#"["getUniqueBlocks", {"0": [1, 0], "covers_required": 2, "family_id": 1, "min_instructions": 8}, {}]"#,
    );
}

#[test]
fn uploads_are_identified_by_their_content() {
    let upload = Upload { id: UploadId(ObjectId::from_bytes([1; 12])), sha256: Sha256::new([0; 32]) };
    let request = Request::QueryReport(upload.id, MatchArguments::none());
    let job = request.to_job(Some((&upload, Sha256::new([0xab; 32]))), Vec::new(), false);
    assert_eq!(job.params, r#"{"0": null}"#);
    assert_eq!(job.file_params, r#"{"0": "010101010101010101010101"}"#);
    assert_eq!(
        job.descriptor,
        format!(r#"["getMatchesForSmdaReport", {{"0": null}}, {{"0": "{}"}}]"#, "ab".repeat(32))
    );
    assert_eq!(Request::parse(&job.method, &job.params, &job.file_params), Some(request));
}

#[test]
fn samples_of_a_cross_are_sorted_by_number_in_the_descriptor() {
    let job = |byte| JobId(ObjectId::from_bytes([byte; 12]));
    let request = Request::CombineToCross(vec![
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
        &Request::ModifySample(SampleId::new(99), changes),
        r#"{"0": 99, "1": {"version": "1", "is_library": true, "bogus": {"b": 1, "a": "\u00e9"}}}"#,
        r#"["modifySample", {"0": 99, "1": {"bogus": {"a": "\u00e9", "b": 1}, "is_library": true, "version": "1"}}, {}]"#,
    );
    check(
        &Request::ModifyFamily(FamilyId::new(3), Changes::default()),
        r#"{"0": 3, "1": {}}"#,
        r#"["modifyFamily", {"0": 3, "1": {}}, {}]"#,
    );
}

#[test]
fn deletions_and_maintenance_have_the_texts_of_the_reference() {
    check(&Request::DeleteSample(SampleId::new(-1)), r#"{"0": -1}"#, r#"["deleteSample", {"0": -1}, {}]"#);
    check(
        &Request::DeleteFamily { id: FamilyId::new(5), keep_samples: false },
        r#"{"keep_samples": false, "0": 5}"#,
        r#"["deleteFamily", {"0": 5, "keep_samples": false}, {}]"#,
    );
    for work in Maintenance::ALL {
        let params = if work == Maintenance::CompleteMinHashes { r#"{"0": null}"# } else { "{}" };
        check(&Request::Maintain(work), params, &format!(r#"["{}", {params}, {{}}]"#, work.method()));
    }
}

#[test]
fn binaries_tell_what_was_said_about_them() {
    let upload = Upload { id: UploadId(ObjectId::from_bytes([7; 12])), sha256: Sha256::new([0xab; 32]) };
    let file = Some((&upload, upload.sha256));
    let check = |request: Request, params: &str| {
        let job = request.to_job(file, Vec::new(), true);
        assert_eq!(job.params, params);
        assert_eq!(Request::parse(&job.method, &job.params, &job.file_params), Some(request));
    };
    let said = BinaryArguments {
        filename: Some("a/b".to_owned()),
        family: None,
        version: Some(String::new()),
        is_dump: true,
        base_addr: u64::MAX,
        bitness: 64,
    };
    check(
        Request::AddBinary(upload.id, said),
        r#"{"0": null, "1": "a/b", "2": null, "3": "", "4": true, "5": 18446744073709551615, "6": 64}"#,
    );
    let mut arguments = MatchArguments::none();
    arguments.pichash_size(5);
    check(Request::QueryBinary(upload.id, arguments.clone()), r#"{"pichash_size": 5, "0": null}"#);
    check(
        Request::QueryMapped(upload.id, 0x40_0000, arguments),
        r#"{"pichash_size": 5, "0": null, "1": 4194304}"#,
    );
}
