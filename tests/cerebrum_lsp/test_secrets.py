"""Made-up secrets are put together here from pieces, so that no scanner takes this file for one."""

import sysconfig
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_lsp.core.secrets.assignments import entropy_bits, looks_secret
from cerebrum_lsp.core.secrets.paths import is_secret_path
from cerebrum_lsp.core.secrets.patterns import PATTERNS
from cerebrum_lsp.core.secrets.redact import Found, Redacted, redact

MIXED = "q7Rt2ZpL9xVb4KmW8sNc3HdY6fGj1TaU5eXo" * 8
LOWER = "q7rt2zpl9xvb4kmw8snc3hdy6fgj1tau5exo" * 8
UPPER = MIXED.upper()
HEX = "3f9a1c7e5b2d8046" * 20
DIGITS = "7391845026" * 4

# How a secret looks: what it begins with, and what its issuer makes up.
GOLDEN = {
    "aws-access-key-id": [f"{kind}{UPPER[:16]}" for kind in ("AKIA", "ASIA")],
    "aws-bedrock-key": ["ABSK" + MIXED[:110]],
    "gcp-api-key": ["AI" + "za" + MIXED[:35]],
    "gcp-oauth-token": ["ya" + "29." + MIXED[:60]],
    "gcp-oauth-secret": ["GOC" + "SPX-" + MIXED[:28]],
    "azure-client-secret": ["abc8" + "Q~" + MIXED[:34]],
    "digitalocean-token": ["dop" + "_v1_" + HEX[:64]],
    "databricks-token": ["da" + "pi" + HEX[:32]],
    "planetscale-token": ["pscale" + "_tkn_" + MIXED[:43]],
    "supabase-token": ["sb" + "p_" + HEX[:40]],
    "tailscale-key": ["tskey-" + "auth-" + MIXED[:12] + "-" + MIXED[:32]],
    "github-token": [f"gh{kind}_{MIXED[:36]}" for kind in "pousr"],
    "github-fine-grained-token": ["github" + "_pat_" + MIXED[:22] + "_" + MIXED[:59]],
    "gitlab-token": [f"gl{kind}-{MIXED[:20]}" for kind in ("pat", "dt", "rt", "cbt")],
    "bitbucket-token": ["AT" + "BB" + MIXED[:32]],
    "atlassian-token": ["ATA" + "TT3" + MIXED[:180]],
    "npm-token": ["npm" + "_" + MIXED[:36]],
    "pypi-token": ["pypi" + "-AgEIcHlwaS5vcmc" + MIXED[:80]],
    "rubygems-key": ["rubygems" + "_" + HEX[:48]],
    "docker-token": ["dckr" + "_pat_" + MIXED[:27]],
    "terraform-token": [MIXED[:14] + ".atlas" + "v1." + MIXED[:64]],
    "vault-token": ["hv" + "s." + MIXED[:95]],
    "doppler-token": ["dp" + ".pt." + MIXED[:43]],
    "age-secret-key": ["AGE-SECRET" + "-KEY-1" + UPPER[:58]],
    "anthropic-key": ["sk-" + "ant-api03-" + MIXED[:93] + "AA"],
    "openrouter-key": ["sk-" + "or-v1-" + HEX[:64]],
    "openai-key": ["sk" + "-" + MIXED[:48], "sk-" + "proj-" + MIXED[:120]],
    "huggingface-token": ["h" + "f_" + MIXED[:34]],
    "groq-key": ["gs" + "k_" + MIXED[:52]],
    "xai-key": ["xa" + "i-" + MIXED[:80]],
    "replicate-token": ["r8" + "_" + MIXED[:37]],
    "slack-token": ["xox" + "b-" + DIGITS[:12] + "-" + DIGITS[:12] + "-" + MIXED[:24]],
    "slack-app-token": ["xa" + "pp-1-" + UPPER[:11] + "-" + DIGITS[:13] + "-" + HEX[:64]],
    "stripe-key": [f"{kind}_live_{MIXED[:24]}" for kind in ("sk", "rk")],
    "stripe-webhook-secret": ["wh" + "sec_" + MIXED[:32]],
    "square-token": ["sq0" + "atp-" + MIXED[:22]],
    "shopify-token": ["shp" + "at_" + HEX[:32]],
    "twilio-key": ["S" + "K" + HEX[:32]],
    "sendgrid-key": ["S" + "G." + MIXED[:22] + "." + MIXED[:43]],
    "mailgun-key": ["ke" + "y-" + HEX[:32]],
    "mailchimp-key": [HEX[:32] + "-u" + "s14"],
    "telegram-token": [DIGITS[:9] + ":A" + "A" + MIXED[:33]],
    "discord-token": ["M" + MIXED[:23] + "." + MIXED[:6] + "." + MIXED[:27]],
    "grafana-token": ["gl" + "sa_" + MIXED[:32] + "_" + HEX[:8]],
    "new-relic-key": ["NRA" + "K-" + UPPER[:27]],
    "linear-key": ["lin" + "_api_" + MIXED[:40]],
    "notion-token": ["secret" + "_" + MIXED[:43]],
    "postman-key": ["PM" + "AK-" + HEX[:24] + "-" + HEX[:34]],
    "json-web-token": ["ey" + "J" + MIXED[:30] + ".ey" + "J" + MIXED[:80] + "." + MIXED[:43]],
}
PLACES = (
    "key = '{}'",
    'call("{}", 1)',
    "{}",
    "KEY={}",
    "# {} is it",
    "- key: {}",
    "f({})\n",
    "x={}&y",
)


@pytest.mark.parametrize(
    ("name", "secret"), [(name, each) for name, secrets in GOLDEN.items() for each in secrets]
)
def test_a_token_of_a_documented_form_is_cut_wherever_it_stands(name: str, secret: str) -> None:
    for place in PLACES:
        redacted = redact(place.format(secret))
        assert redacted.text == place.format(f"<secret:{name}>")
        assert redacted.found == (Found(name, 0),)


def check(text: str, expected: str) -> None:
    """`text`, in which `<<` and `>>` stand around the secrets, is cut to `expected`."""
    assert redact(text).text == expected


PASSWORD = "Tr0ub" + "4dor&3x"
TOKEN = MIXED[:32]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"postgres://app:«{PASSWORD}»@db.internal:5432/app", "password-in-url"),
        (f"mongodb+srv://root:«{PASSWORD}»@cluster0.mongodb.net", "password-in-url"),
        (f"redis://:«{PASSWORD}»@cache:6379/0", "password-in-url"),
        (f"git clone https://me:«{TOKEN}»@git.example.org/a.git", "password-in-url"),
        (
            f"Server=db;Database=a;User Id=sa;Password=«{PASSWORD}»;",
            "password-in-connection-string",
        ),
        (f"AccountName=a;AccountKey=«{MIXED[:86]}==»;Endpoint=b", "azure-account-key"),
        (f"Endpoint=sb://a/;SharedAccessKey=«{MIXED[:43]}=»", "azure-shared-access-key"),
        (f"https://a.blob.core.windows.net/b?sv=2024&sig=«{MIXED[:43]}%3D»", "azure-sas-signature"),
        (f"Authorization: Basic «{TOKEN}==»", "authorization-header"),
        (f'{{"Authorization": "Bearer «{TOKEN}»"}}', "authorization-header"),
        (f"curl -u admin:«{PASSWORD}» https://example.org", "password-on-command-line"),
        (f"aws_secret_access_key = «{MIXED[:40]}»", "aws-secret-access-key"),
        (f"//registry.npmjs.org/:_authToken=«{TOKEN}»", "npm-auth"),
        (
            f"https://hooks.slack.com/services/«T{UPPER[:8]}/B{UPPER[:8]}/{MIXED[:24]}»",
            "slack-webhook",
        ),
        (f"https://discord.com/api/webhooks/{DIGITS[:18]}/«{MIXED[:68]}»", "discord-webhook"),
        (f'password = "«{PASSWORD}»"', "assigned-secret"),
        (f"DB_PASSWORD=«{TOKEN}»", "assigned-secret"),
        (f"  api_key: «{TOKEN}»", "assigned-secret"),
        (f"apiKey: '«{HEX[:32]}»',", "assigned-secret"),
        (f'"client_secret": "«{TOKEN}»"', "assigned-secret"),
        (f'SECRET_KEY: str = "«{TOKEN}»"', "assigned-secret"),
        (f"$secretToken => '«{TOKEN}»'", "assigned-secret"),
        (f'os.environ["AUTH_TOKEN"] = "«{TOKEN}»"', "assigned-secret"),
        (f"const token = `«{TOKEN}»`;", "assigned-secret"),
        (f'<add key="password" value="x"/> passwd := "«{PASSWORD}»"', "assigned-secret"),
        (f'("password", "«{PASSWORD}»")', "assigned-secret"),
    ],
)
def test_a_secret_is_cut_from_what_says_that_it_is_one(text: str, name: str) -> None:
    before, _, rest = text.partition("«")
    secret, _, after = rest.partition("»")
    assert redact(before + secret + after) == Redacted(
        f"{before}<secret:{name}>{after}", (Found(name, 0),)
    )


@pytest.mark.parametrize(
    "text",
    [
        'password = "password"',
        'token = "access_token"',
        'TOKEN_URL = "https://example.org/oauth2/token"',
        'password = os.environ["DATABASE_PASSWORD"]',
        "token = base64.b64encode(name.encode()).decode()",
        "password: str = Field(default_factory=default_password)",
        'secret_name = "kubernetes-cluster-secret-v2"',
        'api_key = "<your-api-key-here-1a2B3c>"',
        'password = "${DB_PASSWORD_1}"',
        "https://user:password@example.org",
        "https://{user}:{password}@{host}",
        "redis://localhost:6379/0",
        "self._auth = self._build_auth(auth)",
        "token_hex = hashlib.sha256(token).hexdigest()",
        'PEM = "-----BEGIN PRIVATE KEY-----"',
        'commit = "' + HEX[:40] + '"',
        "task-" + "sk-based-scheduler-with-a-long-name",
        "for token in tokens: total_token_count2 += len(token)",
    ],
)
def test_ordinary_code_stays(text: str) -> None:
    check(text, text)


@pytest.mark.parametrize(
    "kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA "], ids=lambda kind: kind or "plain"
)
def test_a_private_key_goes_and_its_lines_stay(kind: str) -> None:
    body = "\n".join(MIXED[at : at + 64] for at in range(0, 256, 64))
    begin, end = (f"-----{word} {kind}PRIVATE" + " KEY-----" for word in ("BEGIN", "END"))
    text = f"a = 1\nkey = '''{begin}\n{body}\n{end}'''\nb = 2\n"
    redacted = redact(text)
    assert redacted.text == "a = 1\nkey = '''<secret:private-key>" + "\n" * 5 + "'''\nb = 2\n"
    assert redacted.found == (Found("private-key", 1),)


def test_a_private_key_that_is_cut_off_goes_to_where_it_ends() -> None:
    body = "\n".join(MIXED[at : at + 64] for at in range(0, 128, 64))
    text = f"-----BEGIN PRIVATE" + f" KEY-----\n{body}\nthe next = line\n"  # noqa: F541
    check(text, "<secret:private-key>\n\n\nthe next = line\n")


def test_a_private_key_in_one_line_of_json_is_cut() -> None:
    key = "-----BEGIN PRIVATE" + f" KEY-----\\n{MIXED[:64]}\\n-----END PRIVATE" + " KEY-----\\n"
    check(f'{{"private_key": "{key}"}}', '{"private_key": "<secret:private-key>\\n"}')


def test_each_form_is_found_on_its_line_and_in_order() -> None:
    text = f"a\n{GOLDEN['npm-token'][0]} {GOLDEN['github-token'][0]}\n\n{GOLDEN['openai-key'][0]}"
    names = [(found.name, found.line) for found in redact(text).found]
    assert names == [("npm-token", 1), ("github-token", 1), ("openai-key", 3)]


@given(st.lists(st.sampled_from([*GOLDEN, "text"]), max_size=8), st.sampled_from(["\n", " ", "'"]))
def test_what_is_cut_is_cut_once_and_lines_keep_their_numbers(names: list[str], glue: str) -> None:
    text = glue.join(GOLDEN.get(name, ["a = 1\n\nb"])[0] for name in names)
    once = redact(text)
    assert once.text.count("\n") == text.count("\n")
    assert redact(once.text) == Redacted(once.text)
    assert not any(GOLDEN[name][0] in once.text for name in names if name in GOLDEN)


HOSTILE = (
    *("a", " ", "\n", "ey" + "J", "-ey" + "J", "password", "password=", "password =   ", 'token="'),
    *(
        "a://",
        "a://b:c",
        "-----BEGIN PRIVATE KEY-----",
        "sk-",
        "xoxb-",
        "aws=",
        "?sig=",
        "curl -u a:",
    ),
    *("authorization: basic ", "M.", ";password=", "1//0", "glc_", "password:str=", "mysql -p"),
)


@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_a_hostile_megabyte_takes_time_linear_in_its_length(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    redact(text)
    # A quadratic expression takes minutes; the longest here takes half a second.
    assert time.process_time() - started < 10


def test_the_standard_library_stays_but_for_one_line_in_ten_thousand() -> None:
    folder = Path(sysconfig.get_path("stdlib"))
    lines = changed = 0
    for file in sorted([*folder.glob("*.py"), *folder.glob("email/*.py")]):
        before = file.read_text(encoding="utf-8").split("\n")
        after = redact("\n".join(before)).text.split("\n")
        lines += len(before)
        changed += sum(map(str.__ne__, before, after))
    assert lines > 80_000
    assert changed * 10_000 <= lines


def test_names_of_patterns_are_distinct_and_their_triggers_lower_case() -> None:
    names = [pattern.name for pattern in PATTERNS]
    assert len(set(names)) == len(names)
    assert all(trigger == trigger.lower() for each in PATTERNS for trigger in each.triggers)
    assert all(pattern.triggers for pattern in PATTERNS)


def test_what_looks_secret_looks_like_chance() -> None:
    assert entropy_bits("aaaa") == 0
    assert entropy_bits("abcd") == 2
    assert looks_secret(TOKEN)
    assert not looks_secret("an-ordinary-name_with2-parts")


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "a/.env", ".env.production", "deploy/prod.env", ".ENV", "a/b/server.pem"),
        *("server.key", "id_rsa", "home/.ssh/config", ".netrc", ".npmrc", "a/.aws/credentials"),
        *("credentials.json", "Secrets.YAML", "db.kdbx", "release.keystore", "cert.p12", ".pypirc"),
        *(
            "infra/terraform.tfvars",
            "terraform.tfstate",
            "client_secret_1.json",
            ".git-credentials",
        ),
        *("service-account.json", ".config/gcloud/x.json", "putty.ppk", ".bash_history", ".envrc"),
    ],
)
def test_files_that_hold_secrets_are_known(path: str) -> None:
    assert is_secret_path(path)


@pytest.mark.parametrize(
    "path",
    [
        *(".env.example", ".env.sample", "env.py", "environment.yml", "id_rsa.pub", "keys.py"),
        *("credentials.py", "secrets.py", "key/value.go", "monkey.ts", "tokens.json", "README.md"),
        *("src/aws/client.py", "docs/env/a.md", "secrets/redact.py", "package.json", "pem.c"),
    ],
)
def test_files_of_code_are_not_taken_for_secret(path: str) -> None:
    assert not is_secret_path(path)
