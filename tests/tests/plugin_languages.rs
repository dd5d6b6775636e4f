//! `spanloom plugin new` in every language: what an author does who has the binary, the language's own tools, and
//! nothing else.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use spanloom_tests::{Spanloom, command::spanloom, skip::skip, spanloom::binary};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

const BUILD_TIMEOUT: Duration = Duration::from_secs(900);

/// A language, and where its tools are.
struct Toolchain {
    language: &'static str,
    /// Programs that every machine of such an author has, and that `PATH` consists of.
    programs: &'static [&'static str],
    /// The folder in the project where its package manager puts tools, and the variable by which `cargo xtask test`
    /// says where they are.
    installed: Option<(&'static str, &'static str)>,
    /// The language's own tests, as the README says.
    tests: &'static [&'static str],
    /// Environment variables that a home would hold, taken from this process if they are set.
    keeps: &'static [&'static str],
}

const JAVASCRIPT: Toolchain = Toolchain {
    language: "javascript",
    programs: &["node"],
    installed: Some(("node_modules", "SPANLOOM_NODE_TOOLCHAIN")),
    tests: &["node", "--test"],
    keeps: &[],
};
const TYPESCRIPT: Toolchain =
    Toolchain { language: "typescript", tests: &["node", "--test", "build/"], ..JAVASCRIPT };
const JAVA: Toolchain = Toolchain {
    language: "java",
    // Debian's `mvn` is a script.
    programs: &[
        "node", "mvn", "java", "dirname", "basename", "uname", "ls", "expr", "cat", "tr", "sed", "readlink",
    ],
    tests: &["mvn", "--quiet", "--batch-mode", "test"],
    keeps: &["JAVA_HOME"],
    ..JAVASCRIPT
};
const PYTHON: Toolchain = Toolchain {
    language: "python",
    programs: &[],
    installed: Some((".venv", "SPANLOOM_PYTHON_TOOLCHAIN")),
    tests: &[".venv/bin/python", "-m", "unittest"],
    keeps: &[],
};
const C: Toolchain = Toolchain {
    language: "c",
    programs: &["make", "mkdir"],
    installed: Some((".venv", "SPANLOOM_C_TOOLCHAIN")),
    tests: &["make", "test"],
    keeps: &[],
};
const CPP: Toolchain = Toolchain { language: "cpp", ..C };
const GO: Toolchain =
    Toolchain { language: "go", programs: &["go"], installed: None, tests: &["go", "test", "."], keeps: &[] };
const RUST: Toolchain = Toolchain {
    language: "rust",
    programs: &["cargo", "rustc", "rustup", "cc", "ld", "as"],
    installed: None,
    tests: &["cargo", "test", "--offline", "--quiet"],
    keeps: &["RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "CARGO_HOME"],
};

/// A plugin's folder, in a home with nothing else.
struct Author {
    toolchain: &'static Toolchain,
    home: TempDir,
    project: PathBuf,
    path: PathBuf,
}

/// Returns the file of a program in `PATH`.
fn which(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

impl Author {
    /// Makes a home with the language's tools. Returns `None` and notes the test as skipped if they are not there.
    fn of(toolchain: &'static Toolchain) -> Option<Author> {
        let language = toolchain.language;
        let home = TempDir::new().expect("a folder");
        let path = home.path().join("bin");
        fs::create_dir(&path).expect("a folder");
        for program in toolchain.programs.iter().chain(&["sh", "env"]) {
            let Some(file) = which(program) else {
                skip(&format!("{language}: no {program} on this machine"));
                return None;
            };
            symlink(file, path.join(program)).expect("a link");
        }
        if let Some((_, variable)) = toolchain.installed
            && env::var_os(variable).is_none()
        {
            skip(&format!("{language}: {variable} is not set; `cargo xtask test` installs the tools"));
            return None;
        }
        let project = home.path().join("project");
        Some(Author { toolchain, home, project, path })
    }

    /// Runs a command in the project. Returns whether the command succeeded, and its output.
    async fn run(&self, program: &Path, args: &[&str]) -> (bool, String) {
        let mut command = Command::new(program);
        let folder = if self.project.exists() { &self.project } else { self.home.path() };
        command
            .args(args)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.home.path())
            .current_dir(folder);
        for name in self.toolchain.keeps {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        if self.toolchain.language == "rust" {
            // All new plugins share one target folder, inside this tree's.
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-plugins");
            command.env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "false");
            let home = |name: &str, below: &str| {
                let given = env::var_os(name).map(PathBuf::from);
                given.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(below)))
            };
            command.envs(home("CARGO_HOME", ".cargo").map(|home| ("CARGO_HOME", home)));
            command.envs(home("RUSTUP_HOME", ".rustup").map(|home| ("RUSTUP_HOME", home)));
        }
        if self.toolchain.language == "java"
            && let Some(home) = env::var_os("HOME").map(PathBuf::from)
        {
            let repository = home.join(".m2");
            if repository.exists() && !self.home.path().join(".m2").exists() {
                symlink(repository, self.home.path().join(".m2")).expect("a link");
            }
            // The JVM takes the home from the system, and not from the environment.
            command.env("MAVEN_OPTS", format!("-Duser.home={}", self.home.path().display()));
        }
        let output = timeout(BUILD_TIMEOUT, command.stdin(Stdio::null()).kill_on_drop(true).output());
        let output = output.await.expect("in time").expect("it starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    async fn spanloom(&self, args: &[&str]) -> (bool, String) {
        self.run(binary(), args).await
    }

    /// Begins a plugin, tests it with the language's tools, builds and checks it. Returns the component's name.
    async fn make(&self, role: &str) -> Option<String> {
        let name = format!("my-{role}");
        let project = self.project.display().to_string();
        let language = self.toolchain.language;
        let (made, said) = self
            .spanloom(&["plugin", "new", &name, "--lang", language, "--role", role, "--path", &project])
            .await;
        assert!(made, "{language} {role}: {said}");
        if let Some((folder, variable)) = self.toolchain.installed {
            symlink(env::var_os(variable).expect("checked before"), self.project.join(folder))
                .expect("a link");
        }
        if language == "rust" {
            // The versions of this tree, which are there without a network.
            let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
            fs::copy(lock, self.project.join("Cargo.lock")).expect("the list of versions");
        }
        let (built, said) = self.spanloom(&["plugin", "build"]).await;
        if !built && said.contains("wasm32-unknown-unknown") && said.contains("rustup target add") {
            skip(&said);
            return None;
        }
        if !built && said.contains("Could not transfer artifact") {
            skip(&format!("{language}: Maven has no way to its repository"));
            return None;
        }
        assert!(built, "{language} {role}: {said}");
        let file = format!("{name}.wasm");
        let (passed, said) = self.test().await;
        assert!(passed && !said.contains("warning"), "{language} {role}: {said}");
        let (fits, said) = self.spanloom(&["plugin", "check", &file, "--config", "spanloom.yaml"]).await;
        assert!(fits && said.contains(&format!("with the role {role}")), "{language} {role}: {said}");
        assert!(said.starts_with(&format!("ok: {name} 0.1.0,")), "{language} {role}: {said}");
        Some(file)
    }

    async fn test(&self) -> (bool, String) {
        let [program, args @ ..] = self.toolchain.tests else { panic!("no tests") };
        let program = match program.contains('/') {
            true => self.project.join(program),
            false => self.path.join(program),
        };
        self.run(&program, args).await
    }

    /// Gives the fixture to the component, within the default limits. Returns what came out, as JSON.
    async fn try_fixture(&self, file: &str, config: &str) -> String {
        let args = ["plugin", "test", file, "--fixtures", "fixtures", "--config", config, "--format", "json"];
        let (passed, said) = self.spanloom(&args).await;
        assert!(passed && !said.contains("\"failed\""), "{}: {said}", self.toolchain.language);
        said
    }
}

/// Makes a processor and a sampler, and has them change and decide about the fixture.
async fn begins(toolchain: &'static Toolchain) {
    let Some(author) = Author::of(toolchain) else { return };
    let Some(file) = author.make("processor").await else { return };
    let out = author.try_fixture(&file, r#"{"value": "search"}"#).await;
    assert!(out.contains("search"), "{}: {out}", toolchain.language);
    let Some(author) = Author::of(toolchain) else { return };
    let Some(file) = author.make("sampler").await else { return };
    let all = author.try_fixture(&file, r#"{"slow_ms": 0}"#).await;
    let some = author.try_fixture(&file, "{}").await;
    assert!(!all.contains("drop") && some.contains("drop"), "{}: {all}\n{some}", toolchain.language);
}

/// Makes an exporter, which logs a line for each span of the fixture.
async fn exports(toolchain: &'static Toolchain) {
    let Some(author) = Author::of(toolchain) else { return };
    let Some(file) = author.make("exporter").await else { return };
    let out = author.try_fixture(&file, "{}").await;
    assert!(out.contains("POST /checkout") && out.contains("180000000"), "{}: {out}", toolchain.language);
    let posted = author.try_fixture(&file, r#"{"url": "https://hooks.example/spans"}"#).await;
    assert!(posted.contains("https://hooks.example/spans"), "{}: {posted}", toolchain.language);
}

/// Scenario: an author with the binary and the language's tools begins a processor and a sampler, and an exporter
/// where there is a template.
/// Guarantees: the language's tests pass; the component is built and passes `plugin check`; it changes, decides
/// about and exports the fixture.
#[tokio::test]
async fn javascript() {
    begins(&JAVASCRIPT).await;
    exports(&JAVASCRIPT).await;
}

/// As for JavaScript.
#[tokio::test]
async fn typescript() {
    begins(&TYPESCRIPT).await;
    exports(&TYPESCRIPT).await;
}

/// As for JavaScript. Maven's repository is that of the user who runs the tests.
#[tokio::test]
async fn java() {
    begins(&JAVA).await;
}

/// As for JavaScript.
#[tokio::test]
async fn python() {
    begins(&PYTHON).await;
    exports(&PYTHON).await;
}

/// As for JavaScript.
#[tokio::test]
async fn c() {
    begins(&C).await;
}

/// As for JavaScript.
#[tokio::test]
async fn cpp() {
    begins(&CPP).await;
}

/// As for JavaScript.
#[tokio::test]
async fn go() {
    begins(&GO).await;
}

/// As for JavaScript. The SDK comes out of the binary.
#[tokio::test]
async fn rust() {
    begins(&RUST).await;
    exports(&RUST).await;
}

/// Scenario: new processors in languages with a large runtime are run by the configs that `plugin new` wrote.
/// Guarantees: they work on live spans within the limits of these configs.
#[tokio::test]
async fn large_runtimes_fit_into_the_limits_that_their_configs_set() {
    for toolchain in [&JAVASCRIPT, &PYTHON, &GO] {
        let Some(author) = Author::of(toolchain) else { continue };
        if author.make("processor").await.is_none() {
            continue;
        }
        let running = Spanloom::start_file(&author.project.join("spanloom.yaml")).await;
        let endpoint = format!("http://{}", running.grpc);
        let generated = spanloom(&["generate", "traces", "--endpoint", &endpoint, "--total", "50"]).await;
        assert_eq!(generated.code, 0, "{}{}", generated.stdout, generated.stderr);
        running.wait_for_output("\"checkout\"").await;
        running.finish().await;
    }
}

/// Scenario: the templates name versions of tools, and the tests install tools.
/// Guarantees: they are the same versions, so that the tests try what an author gets.
#[test]
fn the_tests_use_the_versions_that_the_templates_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).expect(path);
    let versions = |text: &str| -> Vec<String> {
        let is_version = |line: &&str| line.contains("\": \"") && line.ends_with(|c: char| c != '{');
        let dependencies = text.split("devDependencies").nth(1).expect("dependencies").lines();
        dependencies.filter(is_version).map(|line| line.trim().trim_end_matches(',').to_owned()).collect()
    };
    let installed = versions(&read("tests/toolchains/node/package.json"));
    for language in ["javascript", "typescript"] {
        for version in versions(&read(&format!("host/templates/{language}/all/package.json.in"))) {
            assert!(installed.contains(&version), "{language}: {version}, {installed:?}");
        }
    }
    let zig = read("host/templates/native/all/requirements.txt");
    let zig = zig.lines().find(|line| line.starts_with("ziglang==")).expect("zig");
    assert!(read("examples/plugins/c/requirements.txt").contains(zig));
}
