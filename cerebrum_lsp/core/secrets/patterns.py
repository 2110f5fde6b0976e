"""The forms of secrets, as their issuers document them.

Each pattern names itself, the literals of which one must occur for it to be tried at all, and a
regular expression; its group `secret`, or all of it, is what is cut. Expressions take linear time:
repetitions are bounded, or begin where a run of their characters begins.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """One form of secret. `triggers` are lower-case literals, looked for in the lowered text."""

    name: str
    triggers: tuple[str, ...]
    expression: re.Pattern[str]


def _token(name: str, triggers: str, expression: str) -> Pattern:
    """Return the pattern of a token, which has no letter, digit or `_` right beside it."""
    return Pattern(
        name,
        tuple(triggers.split()),
        re.compile(rf"(?<![A-Za-z0-9_])(?:{expression})(?![A-Za-z0-9_])"),
    )


def _text(name: str, triggers: str, expression: str) -> Pattern:
    return Pattern(name, tuple(triggers.split()), re.compile(expression, re.IGNORECASE))


CLOUD = (
    _token(
        "aws-access-key-id",
        "akia asia abia acca a3t",
        r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}",
    ),
    _token("aws-bedrock-key", "absk", r"ABSK[A-Za-z0-9+/]{100,260}={0,2}"),
    _token("aws-mws-token", "amzn.mws.", r"amzn\.mws\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    _text(
        "aws-secret-access-key",
        "aws",
        r"aws[\w .-]{0,30}[\"']?\s{0,5}(?:=>|[=:,])\s{0,5}[\"']?"
        r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _token("gcp-api-key", "aiza", r"AIza[0-9A-Za-z_-]{35}"),
    _token("gcp-oauth-token", "ya29.", r"ya29\.[0-9A-Za-z_-]{20,512}"),
    _token("gcp-oauth-secret", "gocspx-", r"GOCSPX-[0-9A-Za-z_-]{28}"),
    _token("gcp-oauth-refresh-token", "1//0", r"1//0[0-9A-Za-z_-]{40,100}"),
    _text("azure-account-key", "accountkey", r"AccountKey=(?P<secret>[A-Za-z0-9+/]{40,90}={0,2})"),
    _text(
        "azure-shared-access-key",
        "sharedaccesskey=",
        r"SharedAccessKey=(?P<secret>[A-Za-z0-9+/]{40,60}={0,2})",
    ),
    _text("azure-sas-signature", "sig=", r"[?&]sig=(?P<secret>[A-Za-z0-9%+/]{40,100})"),
    _token("azure-client-secret", "q~", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
    _token("azure-devops-token", "azdo", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}"),
    _token("alibaba-access-key", "ltai", r"LTAI[A-Za-z0-9]{17,21}"),
    _token("tencent-secret-id", "akid", r"AKID[A-Za-z0-9]{32}"),
    _token("digitalocean-token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _token("heroku-key", "hrku-", r"HRKU-[0-9A-Za-z_-]{36,70}"),
    _token("cloudflare-origin-key", "v1.0-", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    _token("fly-token", "fo1_ fm1 fm2_", r"fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/]{100,512}={0,3}"),
    _token("netlify-token", "nfp_", r"nfp_[A-Za-z0-9]{36,50}"),
    _token("databricks-token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    _token("planetscale-token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{32,64}"),
    _token("supabase-token", "sbp_ sb_secret_", r"sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,60}"),
    _token("tailscale-key", "tskey-", r"tskey-[a-z]{2,12}-[0-9A-Za-z]{6,32}-[0-9A-Za-z]{10,64}"),
)

CODE_HOSTS = (
    _token("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _token(
        "github-fine-grained-token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"
    ),
    _token(
        "gitlab-token",
        "glpat- glptt- gldt- glrt- glcbt- glimt- gloas- glsoat- glft- glagent- glffct-",
        r"gl(?:pat|ptt|dt|rt|cbt|imt|oas|soat|ft|agent|ffct)-[\w.-]{20,255}",
    ),
    _token("gitlab-runner-token", "gr1348941", r"GR1348941[\w-]{20}"),
    _token("bitbucket-token", "atbb atctt3", r"ATBB[A-Za-z0-9]{32}|ATCTT3[\w=-]{60,255}"),
    _token("atlassian-token", "atatt3", r"ATATT3[\w=-]{60,255}"),
    _token("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _text(
        "npm-auth",
        "_authtoken= _auth= _password=",
        r"(?<![\w.])_(?:authToken|auth|password)=(?P<secret>[A-Za-z0-9+/=_.-]{12,512})",
    ),
    _token("pypi-token", "pypi-", r"pypi-[\w-]{50,512}"),
    _token("rubygems-key", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _token("crates-token", "cio", r"cio[A-Za-z0-9]{32}"),
    _token("nuget-key", "oy2", r"oy2[a-z0-9]{43}"),
    _token("docker-token", "dckr_", r"dckr_[po]at_[\w-]{27,40}"),
    _token("artifactory-key", "akc", r"AKC[A-Za-z0-9]{60,80}"),
    _token("terraform-token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,80}"),
    _token("pulumi-token", "pul-", r"pul-[0-9a-f]{40}"),
    _token("vault-token", "hvs. hvb. hvr.", r"hv[sbr]\.[\w-]{24,300}"),
    _token("doppler-token", "dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,80}"),
    _token("age-secret-key", "age-secret-key-", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
)

MODELS = (
    _token("anthropic-key", "sk-ant-", r"sk-ant-[\w-]{20,255}"),
    _token("openrouter-key", "sk-or-", r"sk-or-(?:v1-)?[0-9a-f]{48,64}"),
    _token(
        "openai-key", "sk-", r"sk-(?:proj|svcacct|admin|None)-[\w-]{20,255}|sk-[A-Za-z0-9]{32,64}"
    ),
    _token("huggingface-token", "hf_ api_org_", r"(?:hf|api_org)_[A-Za-z0-9]{30,40}"),
    _token("groq-key", "gsk_", r"gsk_[A-Za-z0-9]{48,60}"),
    _token("xai-key", "xai-", r"xai-[A-Za-z0-9]{70,90}"),
    _token("replicate-token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _token("perplexity-key", "pplx-", r"pplx-[A-Za-z0-9]{40,56}"),
    _token("fireworks-key", "fw_", r"fw_[A-Za-z0-9]{22,24}"),
    _token("langsmith-key", "lsv2_", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    _token("nvidia-key", "nvapi-", r"nvapi-[\w-]{60,80}"),
)

SERVICES = (
    _token("slack-token", "xox", r"xox[abeoprs](?:\.xox[bp])?-[0-9A-Za-z-]{10,255}"),
    _token("slack-app-token", "xapp-", r"xapp-\d-[A-Z0-9]{5,20}-\d{5,20}-[0-9a-f]{20,80}"),
    _text(
        "slack-webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/]{30,100})",
    ),
    _token(
        "stripe-key", "_live_ _test_ _prod_", r"(?:sk|rk)_(?:live|test|prod)_[0-9A-Za-z]{10,255}"
    ),
    _token("stripe-webhook-secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,80}"),
    _token("square-token", "sq0", r"sq0(?:atp|csp|idp)-[\w-]{22,43}"),
    _token(
        "braintree-token",
        "access_token$",
        r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
    ),
    _token("shopify-token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}"),
    _token("twilio-key", "sk", r"SK[0-9a-f]{32}"),
    _token("sendgrid-key", "sg.", r"SG\.[\w-]{16,32}\.[\w-]{32,64}"),
    _token("mailgun-key", "key-", r"key-[0-9a-f]{32}"),
    _token("mailchimp-key", "-us", r"[0-9a-f]{32}-us\d{1,2}"),
    _token("brevo-key", "xkeysib-", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    _token("telegram-token", ":aa", r"\d{8,10}:AA[\w-]{33}"),
    _token(
        "discord-token", ".", r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"
    ),
    _text(
        "discord-webhook",
        "/api/webhooks/",
        r"discord(?:app)?\.com/api/webhooks/\d{10,20}/(?P<secret>[\w-]{60,80})",
    ),
    _text(
        "teams-webhook",
        "webhook.office.com",
        r"webhook\.office\.com/webhookb2/(?P<secret>[\w@/-]{40,300})",
    ),
    _token("facebook-token", "eaa", r"EAA[A-Za-z0-9]{80,255}"),
    _token(
        "grafana-token",
        "glc_ glsa_",
        r"glc_[A-Za-z0-9+/]{32,400}={0,2}|glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}",
    ),
    _token(
        "new-relic-key", "nrak- nrjs- nrii-", r"NR(?:AK-[A-Z0-9]{27}|JS-[0-9a-f]{19}|II-[\w-]{32})"
    ),
    _token("datadog-key", "ddapi ddapp", r"dd(?:api|app)_[A-Za-z0-9]{34,40}"),
    _token("dynatrace-token", "dt0", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _token("sentry-token", "sntry", r"sntrys_[A-Za-z0-9+/=_]{60,400}|sntryu_[0-9a-f]{64}"),
    _token("linear-key", "lin_api_ lin_oauth_", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}"),
    _token("notion-token", "ntn_ secret_", r"ntn_[A-Za-z0-9]{46}|secret_[A-Za-z0-9]{43}"),
    _token("figma-token", "figd_", r"figd_[\w-]{40,60}"),
    _token("postman-key", "pmak-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _token("airtable-token", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _token("adafruit-key", "aio_", r"aio_[A-Za-z0-9]{28}"),
    _token("mapbox-secret-token", "sk.eyj", r"sk\.eyJ[\w-]{20,255}\.[\w-]{20,60}"),
    _token("easypost-key", "ezak ezat", r"EZ[AT]K[A-Za-z0-9]{54}"),
)

STRUCTURED = (
    Pattern(
        "json-web-token",
        ("eyj",),
        re.compile(r"(?<![\w-])eyJ[\w-]{10,4000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000}"),
    ),
    _text(
        "authorization-header",
        "authorization",
        r"authorization[\"']?\s{0,4}(?:=>|[:=,])\s{0,4}f?[\"']?(?:basic|bearer|token)\s{1,4}"
        r"(?P<secret>[A-Za-z0-9+/=_.~-]{16,1000})",
    ),
    _text(
        "password-in-url",
        "://",
        r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>{}$%]{0,80}:(?P<secret>[^\s/@\"'<>{}$]{3,120})@[\w.\[-]",
    ),
    _text(
        "password-in-connection-string",
        "password pwd",
        r"(?<=;)\s{0,3}(?:password|pwd)\s{0,3}=\s{0,3}(?P<secret>[^;\s\"'{}<>$%]{3,120})",
    ),
    _text(
        "password-on-command-line",
        "curl sshpass mysql",
        r"(?:curl\s(?:[^\n]{0,80}?\s)?-u\s{0,3}[\w.@-]{1,40}:|sshpass\s{1,3}-p\s{0,3}|mysql\s(?:[^\n]{0,60}?\s)?-p)(?P<secret>[^\s\"'$<{]{4,80})",
    ),
)

PATTERNS = (*CLOUD, *CODE_HOSTS, *MODELS, *SERVICES, *STRUCTURED)
