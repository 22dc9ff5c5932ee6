//! Programs the test compiles itself, in the forms gcc makes (position independent, static, 32 bit, shared, relocatable),
//! seen by the loader and by the `object` crate. Skipped without gcc.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use malkin_loader::{Architecture, Format, Image, LoadOptions, load};
use malkin_testkit::TestDir;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

const SOURCE: &str = "#include <stdio.h>\nint twice(int x) { return 2 * x; }\nstatic __attribute__((noinline)) int odd(int x) \
                      { return x & 1 ? puts(\"odd\") : 0; }\nint main(int argc, char **argv) { return odd(twice(argc) + argc); }\n";

/// Compiles the program; `None` (and a line of output) when gcc or the form is not there.
#[expect(clippy::print_stdout, reason = "a skipped form must be seen")]
fn compile(dir: &TestDir, name: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let source = dir.write("program.c", SOURCE.as_bytes());
    let output = dir.path().join(name);
    let status = Command::new("gcc").args(arguments).arg("-o").arg(&output).arg(Path::new(&source)).output();
    match status {
        Ok(done) if done.status.success() => std::fs::read(output).ok(),
        _ => {
            println!("skipped: gcc {arguments:?} does not work here");
            None
        }
    }
}

/// What both must agree on.
fn check(name: &str, bytes: &[u8]) -> Image {
    let image = load(bytes, &LoadOptions::file()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let file = object::File::parse(bytes).expect("gcc writes valid files");
    assert_eq!(image.format, Format::Elf, "{name}");
    assert_eq!(image.architecture, Architecture::Intel, "{name}");
    assert_eq!(image.bitness == 64, file.is_64(), "{name}");
    for section in file.sections().filter(|section| section.address() != 0 && section.size() > 0) {
        let known = image.sections.iter().any(|ours| {
            Ok(ours.name.as_str()) == section.name()
                && (ours.start, ours.end)
                    == (section.address(), u128::from(section.address() + section.size()))
        });
        assert!(known, "{name}: section {:?}", section.name());
        let data = section.data().expect("gcc writes valid sections");
        // The first `lowest offset` bytes are the header, and thread-local sections overlay what follows them.
        let whole = !data.is_empty() && section.kind() == object::SectionKind::Text;
        assert!(
            !whole || image.bytes(section.address(), data.len()) == data,
            "{name}: content of {:?}",
            section.name()
        );
    }
    let symbols = file.symbols().chain(file.dynamic_symbols());
    let functions = symbols.filter(|symbol| {
        symbol.kind() == SymbolKind::Text && symbol.is_definition() && symbol.address() != 0
    });
    let functions: BTreeSet<u64> = functions
        .filter(
            |symbol| matches!(symbol.flags(), object::SymbolFlags::Elf { st_info, .. } if st_info.0 & 15 == 2),
        )
        .map(|symbol| symbol.address())
        .collect();
    let missing: Vec<_> = functions.iter().filter(|address| !image.symbols.contains_key(address)).collect();
    assert!(missing.is_empty(), "{name}: {missing:x?}");
    image
}

#[test]
fn programs_of_every_form_are_loaded_as_the_object_crate_sees_them() {
    let dir = TestDir::new();
    let mut checked = 0;
    let forms: [(&str, &[&str]); 6] = [
        ("pie", &["-O2", "-pie", "-fPIE"]),
        ("fixed", &["-O2", "-no-pie"]),
        ("static", &["-O1", "-static"]),
        ("narrow", &["-O2", "-m32"]),
        ("shared.so", &["-O2", "-shared", "-fPIC"]),
        ("object.o", &["-O2", "-c", "-ffunction-sections"]),
    ];
    for (name, arguments) in forms {
        let Some(bytes) = compile(&dir, name, arguments) else { continue };
        let image = check(name, &bytes);
        let named = |wanted: &str| image.symbols.values().any(|name| name == wanted);
        assert!(name == "object.o" || (named("twice") && named("main")), "{name}");
        assert_eq!(image.position_independent_elf, name != "fixed" && name != "static", "{name}");
        let imports = image.apis.values().any(|api| api.name == "puts");
        assert_eq!(imports, !matches!(name, "static" | "object.o"), "{name}");
        checked += 1;
    }
    println!("{checked} forms checked");
}

#[test]
fn a_mapped_program_still_names_its_imports() {
    let dir = TestDir::new();
    let Some(bytes) = compile(&dir, "pie", &["-O2", "-pie", "-fPIE"]) else { return };
    let file = load(&bytes, &LoadOptions::file()).expect("a valid file");
    let mut mapped = file.data.clone();
    // SMDA maps the first segment of such a file only in part; a loader maps all of it.
    mapped[..0x400].copy_from_slice(&bytes[..0x400]);
    let base = 0x5555_5555_4000;
    let image =
        load(&mapped, &LoadOptions::buffer(base, None)).expect("a buffer is never refused for its layout");
    assert!(image.is_buffer && image.sections.is_empty());
    assert_eq!((image.bitness, image.base_addr, image.data.len()), (64, base, mapped.len()));
    assert!(image.apis.values().any(|api| api.name == "puts"), "{:?}", image.apis);
}
