"""Files whose purpose is to hold secrets: they are never context, whatever is in them."""

import re
from fnmatch import translate
from functools import lru_cache

SECRET_FILES = (
    # environments and settings with passwords in them
    *(".env", ".env.*", "*.env", ".envrc", ".env-*", "local.settings.json", "wp-config.php"),
    *("secrets.json", "secrets.y*ml", "secrets.toml", "secrets.ini", "secrets.properties"),
    *("secret.json", "secret.y*ml", "secret.toml", "*.secret", "*.secrets", "secrets.env*"),
    *("*.tfvars", "*.tfvars.json", "*.tfstate", "*.tfstate.*", ".terraformrc", "terraform.rc"),
    *("application-secrets.*", "appsettings.secrets.json", ".secrets", ".secrets.toml"),
    # private keys and stores of keys
    *("*.pem", "*.key", "*.p8", "*.p12", "*.pfx", "*.pkcs12", "*.ppk", "*.kdb", "*.kdbx"),
    *("*.jks", "*.jceks", "*.keystore", "*.bks", "*.keychain", "*.keychain-db", "*.agilekeychain"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "id_xmss*", "*_rsa", "*_ed25519"),
    *("secring.*", "*.gpg", "*.ovpn", "*.pkcs8", "otr.private_key", "*.mobileprovision"),
    # credentials of tools
    *(".netrc", "_netrc", ".npmrc", ".yarnrc.yml", ".pypirc", ".pgpass", "pgpass.conf", ".my.cnf"),
    *(".mylogin.cnf", ".dockercfg", ".dockerconfigjson", ".git-credentials", ".htpasswd", ".s3cfg"),
    *(".boto", ".vault-token", ".vault-pass*", ".vault_pass*", "kubeconfig", "*.kubeconfig"),
    *("credentials", "credentials.json", "credentials.y*ml", "credentials.xml", "credentials.ini"),
    *("credentials.toml", "credentials.csv", "credentials.tfrc.json", "credentials.db"),
    *("*credentials.json", "client_secret*.json", "service[-_]account*.json", "*-sa-key.json"),
    *("rclone.conf", ".remote-sync.json", ".ftpconfig", "sftp-config.json", "filezilla.xml"),
    *("recentservers.xml", "sitemanager.xml", "auth.json", "gradle.properties", ".erlang.cookie"),
    # what was typed into shells
    *(".bash_history", ".zsh_history", ".sh_history", ".psql_history", ".mysql_history"),
    *(".python_history", ".node_repl_history", ".rediscli_history", ".irb_history"),
)
"""Patterns for a file's name; `*` matches anything."""

SECRET_FOLDERS = (
    *(".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".config/gcloud", ".password-store"),
    *(".gcloud", ".oci", ".chef", ".vagrant", ".local/share/keyrings"),
)
"""Folders in which every file counts, at any depth."""

TEMPLATES = ("*.example", "*.sample", "*.template", "*.dist", "*.tmpl", "*.pub", "*.md", "*.rst")
"""Names that say that a file shows only the form of such a file, or its public half."""


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    files, templates = ("|".join(map(translate, names)) for names in (SECRET_FILES, TEMPLATES))
    folders = "|".join(re.escape(folder) for folder in SECRET_FOLDERS)
    return re.compile(files), re.compile(templates), re.compile(rf"(?:\A|/)(?:{folders})/")


def is_secret_path(path: str) -> bool:
    """Whether the file at a POSIX path, relative to its workspace, is one that holds secrets.

    Upper and lower case are the same. `.env.example` and a public key aren't such files.
    """
    files, templates, folders = _patterns()
    lowered = path.lower()
    name = lowered.rpartition("/")[2]
    if folders.search(lowered):
        return True
    return files.match(name) is not None and templates.match(name) is None
