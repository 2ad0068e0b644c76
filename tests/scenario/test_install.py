"""What `cmake --install` installs works as it is and matches the program."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from support.scenario import TIMEOUT, SOURCE, WEIR, commands, main

BUILD = os.environ.get("WEIR_BUILD", "build/dev")


def run(*command, code=0, **kwargs):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT, **kwargs
    )
    if code is not None and done.returncode != code:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
    return done.stdout


class Installed(unittest.TestCase):
    """An installation in a separate directory."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="weir-install-")
        self.addCleanup(shutil.rmtree, self.root)

    def install(self, prefix="/usr"):
        return run("cmake", "--install", BUILD, "--prefix", prefix, env=dict(os.environ, DESTDIR=self.root))

    def path(self, name):
        return self.root + name

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()


class Layout(Installed):
    def test_everything_that_a_service_needs_is_put_in_place(self):
        self.install()
        for name in (
            "/usr/sbin/weir",
            "/usr/lib/systemd/system/weir.service",
            "/usr/lib/sysusers.d/weir.conf",
            "/etc/weir/weir.yaml",
            "/etc/logrotate.d/weir",
            "/usr/share/man/man8/weir.8",
            "/usr/share/man/man5/weir.yaml.5",
            "/usr/share/doc/weir/LICENSE",
            "/usr/share/doc/weir/configuration.md",
            "/usr/share/bash-completion/completions/weir",
            "/usr/share/zsh/site-functions/_weir",
            "/usr/share/fish/vendor_completions.d/weir.fish",
        ):
            self.assertTrue(os.path.getsize(self.path(name)) > 0, name)

    def test_the_configuration_works_and_its_comments_show_the_options(self):
        self.install()
        self.assertIn(": ok (1 listeners", run(WEIR, "check", "-c", self.path("/etc/weir/weir.yaml")))
        self.assertGreater(self.read("/etc/weir/weir.yaml").count("\n#"), 10)

    def test_what_its_comments_suggest_can_be_uncommented(self):
        self.install()
        text = re.sub(
            r"^( *)# (?=(web6|health_check|routes|timeouts|process|reload|- \"|- \{|  - name|    match|    pool|  "
            r"rollback)\b)",
            r"\1",
            self.read("/etc/weir/weir.yaml"),
            flags=re.M,
        )
        text = re.sub(r"^( *)# (?=- [\"{])", r"\1", text, flags=re.M)
        text = re.sub(r"^# (  rollback:|  - name:|    match:|    pool:)", r"\1", text, flags=re.M).replace(
            "    pool: api", "    pool: web"
        )
        with open(self.path("/changed.yaml"), "w") as f:
            f.write(text)
        self.assertIn(
            ": ok (2 listeners, 1 routes, 1 pools, 3 backends", run(WEIR, "check", "-c", self.path("/changed.yaml"))
        )

    def test_a_second_installation_keeps_the_configuration_that_is_there(self):
        self.install()
        with open(self.path("/etc/weir/weir.yaml"), "a") as f:
            f.write("# mine\n")
        self.assertIn("Keeping: /etc/weir/weir.yaml", self.install())
        self.assertTrue(self.read("/etc/weir/weir.yaml").endswith("# mine\n"))

    def test_the_unit_names_the_program_and_the_configuration_of_its_prefix(self):
        for prefix, sbin, etc in (
            ("/usr", "/usr/sbin", "/etc"),
            ("/usr/local", "/usr/local/sbin", "/etc"),
            ("/opt/weir/", "/opt/weir/sbin", "/opt/weir/etc"),
        ):
            self.install(prefix)
            unit = self.read(os.path.normpath(prefix) + "/lib/systemd/system/weir.service")
            self.assertIn(f"ExecStart={sbin}/weir run --last-good -c {etc}/weir/weir.yaml\n", unit)
            self.assertIn(f"ExecReload={sbin}/weir reload --wait -c {etc}/weir/weir.yaml\n", unit)
            self.assertTrue(
                os.path.exists(self.path(f"{sbin}/weir")) and os.path.exists(self.path(f"{etc}/weir/weir.yaml"))
            )

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_the_sandbox_exposes_less_than_2_5(self):
        self.install()
        output = run(
            "systemd-analyze",
            "security",
            "--no-pager",
            "--offline=true",
            "--threshold=25",
            self.path("/usr/lib/systemd/system/weir.service"),
        )
        self.assertRegex(output, r"Overall exposure level for weir.service: [0-2]\.\d")


class InStep(Installed):
    def test_the_manual_page_has_every_command_and_option(self):
        self.install()
        page = run(
            "man",
            "--warnings",
            "-E",
            "UTF-8",
            "-l",
            self.path("/usr/share/man/man8/weir.8"),
            env=dict(os.environ, MANWIDTH="200", MAN_KEEP_FORMATTING=""),
        )
        self.assertNotIn("warning", page)
        for path, options, names in commands():
            if path and not names:
                self.assertRegex(page, rf"(?m)^ +weir {' '.join(path)}( [A-Z]+)*$")
            for option in options - {"-h", "--help", "--help-all"}:
                self.assertRegex(page, rf"(?m)^ +(--?[\w-]+, )?{option}\b", path)

    def test_the_other_manual_page_has_every_section_of_the_configuration(self):
        self.install()
        page = run("man", "--warnings", "-E", "UTF-8", "-l", self.path("/usr/share/man/man5/weir.yaml.5"))
        self.assertNotIn("warning", page)
        for section in json.loads(run(WEIR, "schema"))["properties"]:
            self.assertRegex(page, rf"(?m)^ +(\w+, )*{section}\b")

    def test_bash_completes_every_command_and_option(self):
        self.install()
        script = (
            'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weir; printf "%s\\n" "${COMPREPLY[@]}"'
        )

        completion = self.path("/usr/share/bash-completion/completions/weir")

        def complete(*words, **kwargs):
            return set(run("bash", "-c", script, "bash", completion, "weir", *words, **kwargs).split())

        for path, options, names in commands():
            self.assertEqual(complete(*path, "-"), options, path)
            if names:
                self.assertEqual(complete(*path, ""), set(names), path)
        self.assertEqual(complete("--config", "run", "st"), {"status"})  # "run" is the name of a file here
        self.assertEqual(complete("rel"), {"reload"})
        self.assertIn("README.md", complete("check", "-c", "READ", cwd=SOURCE))

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_the_zsh_completion_has_every_command(self):
        self.install()
        file = self.path("/usr/share/zsh/site-functions/_weir")
        run("zsh", "-n", file)
        defined = set(run("zsh", "-fc", 'compdef() { :; }; source "$1"; print -l ${(k)functions}', "zsh", file).split())
        for path, options, names in commands():
            self.assertIn("_".join(("_weir", *path)), defined)
            body = run(
                "zsh",
                "-fc",
                'compdef() { :; }; source "$1"; _arguments() { print -l -- "$@" }; $2',
                "zsh",
                file,
                "_".join(("_weir", *path)),
            )
            self.assertLessEqual(options, set(re.findall(r"(?:^|\))(--?[\w-]+)\[", body, re.M)), path)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_completes_every_command_and_option(self):
        self.install()
        file, home = self.path("/usr/share/fish/vendor_completions.d/weir.fish"), self.path("/home")
        os.makedirs(home)

        def complete(*words):
            shown = run(
                "fish",
                "--no-config",
                "-c",
                f"source {file}; complete -C {json.dumps(' '.join(('weir', *words)))}",
                env=dict(os.environ, HOME=home),
            )
            return {line.split("\t")[0] for line in shown.splitlines()}

        for path, options, names in commands():
            self.assertLessEqual({o for o in options if o.startswith("--")}, complete(*path, "--"), path)
            if names:
                self.assertLessEqual(set(names), complete(*path, ""), path)


class Hardening(unittest.TestCase):
    def test_the_program_cannot_be_patched_through_its_tables(self):
        self.assertIn("GNU_RELRO", run("readelf", "-lW", WEIR))
        self.assertRegex(run("readelf", "-dW", WEIR), r"FLAGS_1.*NOW.*PIE")
        self.assertRegex(run("readelf", "-lW", WEIR), r"GNU_STACK.* RW +0x")  # not executable

    def test_a_release_protects_its_stack_and_checks_what_it_copies(self):
        """Configures the release preset, checks the flags of each file, and compiles one file with them."""
        directory = tempfile.mkdtemp(prefix="weir-release-")
        self.addCleanup(shutil.rmtree, directory)
        run("cmake", "--preset", "release", "-DCMAKE_UNITY_BUILD=OFF", "-B", directory, cwd=SOURCE)
        with open(os.path.join(directory, "compile_commands.json")) as f:
            compiled = {c["file"]: c["command"] for c in json.load(f)}
        own = {file: command for file, command in compiled.items() if "/cmake_pch" not in file}
        self.assertGreater(len(own), 100)
        for file, command in own.items():
            for flag in ("-fstack-protector-strong", "-D_FORTIFY_SOURCE=3", "-fPIE", "-O3"):
                self.assertIn(flag, command, file)
        file = next(file for file in own if file.endswith("/proxy/log/logger.cpp"))
        command = re.sub(r" -include \S*cmake_pch\S*| -Winvalid-pch", "", own[file])
        run("bash", "-c", re.sub(r" -o \S+", f" -o {directory}/object.o", command), cwd=directory)
        symbols = run("nm", "-u", f"{directory}/object.o")
        self.assertIn("__stack_chk_fail", symbols)
        self.assertRegex(symbols, r"__\w+_chk\b")


if __name__ == "__main__":
    main()
