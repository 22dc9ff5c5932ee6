//! YARA rules tested on stored executables, and the evidence for families: on programs that a compiler makes here.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::server::Server;

/// Two builds of one program and another program, `a`, `b` and `c`; false without a compiler.
pub(crate) fn build(folder: &Path) -> bool {
    let code = r"
        unsigned mix(unsigned char*s,int n){unsigned h=0x811c9dc5u;for(int i=0;i<n;i++){h^=s[i]*0x1003f;h=(h<<7)|(h>>25);
            h+=0x5bd1e995u^i*77;if(h&0x40)h-=i;}return h;}
        int odd(int a,int b){int r=0;while(a>3){r+=a*b-7;a/=3;b^=0x1234;if(b%5==2)r-=b*11;}return r;}
        int main(int c,char**v){return mix((unsigned char*)v[0],c)+odd(c*99,c);}";
    let sources = [
        ("a", code.to_owned()),
        ("b", code.replace("0x1234", "0x4321")),
        ("c", "int main(){return 3;}".to_owned()),
    ];
    sources.iter().all(|(name, code)| {
        let source = folder.join(format!("{name}.c"));
        std::fs::write(&source, code).unwrap();
        let compiled =
            Command::new("cc").args(["-O1", "-w", "-o"]).arg(folder.join(name)).arg(&source).status();
        compiled.is_ok_and(|status| status.success())
    })
}

fn run(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_malkin")).current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn rules_are_proven_on_kept_executables() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if !build(folder) {
        println!("SKIPPED: there is no C compiler");
        return;
    }
    assert!(run(folder, &["submit", "--keep", "--family", "evil", "a", "b", "--data", "d"]).0);
    assert!(run(folder, &["submit", "--keep", "--family", "fine", "c", "--data", "d"]).0);
    let (done, json, why) =
        run(folder, &["blocks", "--family", "evil", "--check", "--format", "json", "--data", "d"]);
    assert!(done, "{why}");
    let answer: Value = serde_json::from_str(&json).unwrap();
    let proof = &answer["proof"];
    let best = proof["best"].as_u64().unwrap();
    assert!(best >= 3, "both builds have most blocks in common: {proof}");
    assert_eq!(proof["hits_required"], best);
    assert!(proof["samples"].as_array().unwrap().iter().all(|sample| sample["hit"] == true), "{proof}");
    assert_eq!((&proof["other_files"], proof["others"].as_array().unwrap().len()), (&1.into(), 0));
    assert!(answer["rule"].as_str().unwrap().contains(&format!("        {best} of them")));

    // A rule that asks for more than a sample has says which one it misses; a sample without its file is not called a hit.
    let (_, text, _) = run(folder, &["blocks", "--family", "evil", "--check", "--hits", "99", "--data", "d"]);
    assert!(text.contains("matches 0 of 2 samples, not 0 ("), "{text}");
    assert!(run(folder, &["submit", "--family", "fine", "a.c", "--data", "d2"]).2.contains("error"));
    assert!(run(folder, &["submit", "--family", "evil", "a", "--data", "d2"]).0);
    let (_, text, _) = run(folder, &["blocks", "--family", "evil", "--check", "--data", "d2"]);
    assert!(text.contains("NOT CHECKED") && text.contains("nothing was tested"), "{text}");

    // The same through a server.
    let server = Server::start(&folder.join("d"), &[]);
    let (done, remote, why) = run(
        folder,
        &["blocks", "--family", "evil", "--check", "--format", "json", "--server", server.base()],
    );
    assert!(done, "{why}");
    assert_eq!(serde_json::from_str::<Value>(&remote).unwrap()["proof"], *proof);
    let text = [("content-type", "text/plain")];
    let bad = server.send("POST", "/uniqueblocks/check", &text, b"rule {");
    assert_eq!((bad.status, bad.body["status"].as_str()), (400, Some("failed")));
    let list = server.send("POST", "/uniqueblocks/check?samples=1,x", &text, b"rule a { condition: true }");
    assert_eq!(list.status, 400, "{list:?}");

    // Files of the named samples come first.
    let rules = b"rule all { condition: true }";
    let job = server.send("POST", "/uniqueblocks/check?samples=2,1", &text, rules).body["data"].take();
    let job = job.as_str().unwrap();
    server.await_job(job);
    let answer = server.get(&format!("/jobs/{job}/result")).body["data"].take();
    let order: Vec<i64> =
        answer["files"].as_array().unwrap().iter().map(|file| file["sample_id"].as_i64().unwrap()).collect();
    assert_eq!((order, &answer["num_untried"]), (vec![2, 1, 0], &0.into()), "{answer}");
}

#[test]
fn families_are_named_with_their_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if !build(folder) {
        println!("SKIPPED: there is no C compiler");
        return;
    }
    assert!(run(folder, &["submit", "--family", "evil", "a", "--data", "d"]).0);
    assert!(run(folder, &["submit", "--family", "fine", "c", "--data", "d"]).0);
    let (_, text, _) = run(folder, &["query", "b", "--data", "d"]);
    for part in [
        "attribution: evil, confidence 0.",
        "largest functions found only in evil",
        "mix",
        "against it: fine has 0 functions (0 bytes)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_, markdown, _) = run(folder, &["query", "b", "--format", "markdown", "--data", "d"]);
    assert!(markdown.contains("| evidence for"), "{markdown}");
    let (_, json, _) = run(folder, &["query", "b", "--format", "json", "--data", "d"]);
    assert!(
        serde_json::from_str::<Value>(&json).unwrap().get("attribution").is_none(),
        "JSON is the result of the API"
    );

    let server = Server::start(&folder.join("d"), &[]);
    let job = server.get("/matches/sample/0").body["data"].as_str().unwrap().to_owned();
    server.await_job(&job);
    let answer = server.get(&format!("/jobs/{job}/attribution")).body["data"].take();
    assert_eq!(answer["families"][0]["family"], "fine", "{answer}");
    assert!(answer["confidence"].as_f64().unwrap() < 0.2, "start-up code is little evidence: {answer}");
    assert!(server.get("/jobs/0123456789abcdef01234567/attribution").body["data"].is_null());
    let (_, text, _) = run(folder, &["query", "b", "--server", server.base()]);
    assert!(text.contains("attribution: evil"), "{text}");
}
