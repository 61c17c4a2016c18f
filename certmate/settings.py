"""Django's settings, read strictly from the environment (docs/operations.md lists every variable).

The defaults are those of one machine that serves itself on loopback; CERTMATE_BASE_URL with https
turns on secure cookies, the redirect to https and HSTS.
"""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from certmate import env
from certmate.core.broker import broker_url
from certmate.core.secrets import parse_keyring
from certmate.signin import configuration as signin

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.data_dir()
# Whatever a process writes is for its user alone, also in a directory that others may enter.
os.umask(0o077)

SECRET_KEY = env.required_secret("CERTMATE_SECRET_KEY", file=DATA_DIR / env.SECRET_KEY_FILE)
CERTMATE_MASTER_KEY = env.secret("CERTMATE_MASTER_KEY")
if CERTMATE_MASTER_KEY:
    try:
        parse_keyring(CERTMATE_MASTER_KEY)
    except ValueError as error:
        raise ImproperlyConfigured(f"CERTMATE_MASTER_KEY: {error}") from None
CERTMATE_MASTER_KEY_FILE = DATA_DIR / env.MASTER_KEY_FILE
CERTMATE_HOOKS_DIR = Path(env.text("CERTMATE_HOOKS_DIR", str(DATA_DIR / "hooks")))
# Named by the operator alone: whoever configures a vault's address would else be sent it.
_token_file = env.text("CERTMATE_KUBERNETES_TOKEN_FILE")
CERTMATE_KUBERNETES_TOKEN_FILE = Path(_token_file) if _token_file else None
CERTMATE_DNS_RESOLVERS = env.resolvers("CERTMATE_DNS_RESOLVERS")
CERTMATE_DNS_PORT = 53

PORT = env.integer("PORT", 8000, low=1, high=65535)
CERTMATE_BASE_URL = env.base_url("CERTMATE_BASE_URL", f"http://127.0.0.1:{PORT}")
_base = urlsplit(CERTMATE_BASE_URL)
IS_HTTPS = _base.scheme == "https"
# The address in CRL and issuer pointers. Whoever checks a certificate cannot check another one
# for that (RFC 5280 §8), so it is http; a port of its own stays as it is.
CERTMATE_PKI_URL = (
    f"http://{_base.netloc}" if IS_HTTPS and _base.port is None else CERTMATE_BASE_URL
)
# For how long a web process answers for it without asking the database.
CERTMATE_PKI_MEMORY_SECONDS = 2
# For how long it tells the same numbers to whoever asks whether it is ready.
CERTMATE_NUMBERS_SECONDS = 30

DEBUG = False
ALLOWED_HOSTS = env.words("CERTMATE_ALLOWED_HOSTS") or [
    "127.0.0.1",
    "localhost",
    "[::1]",
    str(_base.hostname),
]
CSRF_TRUSTED_ORIGINS = [CERTMATE_BASE_URL]

INSTALLED_APPS = [
    "certmate.ui.site.CertMateAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "auditlog",
    "csp",
    "django_celery_beat",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "certmate.apps.ProjectConfig",
    "certmate.core",
    "certmate.access",
    "certmate.audit",
    "certmate.signin",
    "certmate.ui",
    "certmate.rest",
    "storage",
    "providers",
    "certificates",
    "clients",
]

MIDDLEWARE = [
    # Both answer verifiers before host and https rules, which they cannot follow.
    "providers.middleware.http01_middleware",
    "providers.middleware.public_middleware",
    "certmate.audit.middleware.request_context_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "certmate.signin.middleware.SignInMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "certmate.urls"
WSGI_APPLICATION = "certmate.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": dj_database_url.parse(
        env.secret_url(
            "CERTMATE_DATABASE_URL",
            f"sqlite:///{DATA_DIR / 'certmate.sqlite3'}",
            schemes=("sqlite", "postgres", "postgresql"),
        ),
        conn_max_age=60,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A transaction that will write takes its lock at once, so it waits instead of failing half-
        # way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # The cache is each connection's own, and each thread has one: at 64 MB, two web processes
        # grew for hundreds of thousands of OCSP requests and answered them no faster.
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4096;"
            "PRAGMA wal_autocheckpoint=8000;"
        ),
    }
else:
    # A server behind a network that swallows packets is away after seconds, not after minutes.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "tcp_user_timeout": 20_000,  # In milliseconds.
        "keepalives_idle": 20,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        **DATABASES["default"].get("OPTIONS", {}),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CERTMATE_OIDC = signin.openid_provider()
CERTMATE_OIDC_ONLY = signin.openid_only(CERTMATE_OIDC)
CERTMATE_LDAP = signin.ldap()
# django-auth-ldap reads them under their own names.
globals().update(CERTMATE_LDAP)
CERTMATE_SECOND_FACTOR_ROLES = tuple(env.words("CERTMATE_SECOND_FACTOR_ROLES"))
"""Roles (and `superuser`) whose members must have a second factor."""
AUTHENTICATION_BACKENDS = [
    "certmate.signin.passwords.PasswordBackend",  # First, because it counts the guesses.
    *(["certmate.signin.directory.DirectoryBackend"] if CERTMATE_LDAP else []),
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # Nobody is permitted anything without signing in.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
ACCOUNT_ADAPTER = "certmate.signin.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # There is no sign-up; this is who signs in.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_FORMS = {"login": "certmate.signin.forms.SignInForm"}
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 5 * 60
# Its own limits count in the memory of one process; certmate.signin.lockout counts for all of them.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
MFA_ADAPTER = "certmate.signin.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "certmate.signin.forms.CodeForm",
    "reauthenticate": "certmate.signin.forms.CodeAgainForm",
    "activate_totp": "certmate.signin.forms.SetUpAppForm",
    "add_webauthn": "certmate.signin.forms.AddKeyForm",
}
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "CertMate"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # Nobody signs up here, so nobody can claim another's address.
SOCIALACCOUNT_ADAPTER = "certmate.signin.adapters.SocialAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
# Lax, because the way back from an OpenID Connect provider is a link from another site.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CERTMATE_BEHIND_PROXY = env.boolean("CERTMATE_BEHIND_PROXY")
if CERTMATE_BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

CELERY_BROKER_URL = env.secret_url(
    "CERTMATE_BROKER_URL",
    broker_url(DATA_DIR),
    schemes=("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "memory"),
)
CERTMATE_EMBEDDED_BROKER = broker_url(DATA_DIR) == CELERY_BROKER_URL
_SPEAKS_REDIS = CELERY_BROKER_URL.startswith("redis")
CERTMATE_THROTTLE_URL = env.secret_url(
    "CERTMATE_THROTTLE_URL",
    CELERY_BROKER_URL if _SPEAKS_REDIS else "memory://",
    schemes=("redis", "rediss", "redis+socket", "memory"),
)
CERTMATE_RATES = {
    kind: env.integer(f"CERTMATE_RATE_{kind.upper()}", default, low=0, high=1_000_000)
    for kind, default in {"token": 600, "user": 600, "anonymous": 120, "failed": 20}.items()
}
"""Calls a minute; 0 is no limit."""
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "max_retries": 0,  # Of a sender, who would wait 6 s; workers and beat try on and on.
    **(
        {
            # Longer than any task runs; kombu looks for lost messages often instead of every 100 s.
            "visibility_timeout": 3600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
        }
        if CELERY_BROKER_URL.startswith(("redis", "sentinel"))
        else {}
    ),
}
CELERY_TASK_PUBLISH_RETRY = (
    False  # The row is the queue: a broker that is away must not hold up a request.
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SYNC_EVERY = 1  # /ready reads when the scheduler last sent a task.
CELERY_BEAT_MAX_LOOP_INTERVAL = 10
CELERY_TIMEZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "certmate.rest.authentication.BearerAuthentication",
        "certmate.rest.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["certmate.rest.throttling.CallerThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["certmate.rest.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "certmate.rest.negotiation.OneForm",
    "DEFAULT_PAGINATION_CLASS": "certmate.rest.pagination.CursorPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "certmate.rest.filters.PrefixSearchFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "certmate.rest.schema.AutoSchema",
    "EXCEPTION_HANDLER": "certmate.rest.throttling.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CertMate",
    "DESCRIPTION": "Issue, renew, revoke and download X.509 certificates.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/",
    "ENUM_NAME_OVERRIDES": {
        "ActorKindEnum": "certmate.audit.choices.ActorKind",
        "AuthorityKeyStateEnum": "providers.choices.KeyState",
        "AuthorityKindEnum": "providers.choices.AuthorityKind",
        "AuthorityStateEnum": "providers.choices.AuthorityState",
        "BatchRowStateEnum": "clients.choices.RowState",
        "BatchStateEnum": "clients.choices.BatchState",
        "CertificateStateEnum": "certificates.choices.CertificateState",
        "ClientStateEnum": "clients.choices.ClientState",
        "EnrolmentStateEnum": "clients.choices.EnrolmentState",
        "IdentityKindEnum": "clients.choices.IdentityKind",
        "LedgerKindEnum": "providers.choices.EntryKind",
        "LedgerStateEnum": "providers.choices.EntryState",
        "OrderKindEnum": "certificates.choices.OrderKind",
        "OrderStateEnum": "certificates.choices.OrderState",
        "RebuildItemStateEnum": "storage.choices.FindState",
        "StorageWorkStateEnum": "storage.choices.WorkState",
    },
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
}

ORDER_LEASE = timedelta(seconds=60)
"""How long a silent worker keeps an order; it renews this every few seconds while it works."""

# Where signed checkpoints of the audit log go besides the data directory (docs/audit.md).
CERTMATE_AUDIT_SYSLOG = env.place("CERTMATE_AUDIT_SYSLOG")
CERTMATE_AUDIT_WEBHOOK = env.optional_url("CERTMATE_AUDIT_WEBHOOK", schemes=("https",))
CERTMATE_AUDIT_RETENTION_DAYS = env.integer("CERTMATE_AUDIT_RETENTION_DAYS", 0, low=0, high=36500)

# OCSP answers that the web signs itself; 0: it holds no key, and all answers are made before.
CERTMATE_OCSP_LIVE = env.integer("CERTMATE_OCSP_LIVE", 0, low=0, high=1_000_000)
"""A minute, of all callers together."""

# The token that keeps keys of authorities (docs/authorities.md); the library's code runs here.
CERTMATE_PKCS11_MODULE = env.absolute_path("CERTMATE_PKCS11_MODULE")
CERTMATE_PKCS11_TOKEN = env.text("CERTMATE_PKCS11_TOKEN")
CERTMATE_PKCS11_PIN = env.secret("CERTMATE_PKCS11_PIN")
env.together(
    {
        "CERTMATE_PKCS11_MODULE": CERTMATE_PKCS11_MODULE,
        "CERTMATE_PKCS11_TOKEN": CERTMATE_PKCS11_TOKEN,
        "CERTMATE_PKCS11_PIN": CERTMATE_PKCS11_PIN,
    }
)

LOG_FORMAT = env.choice("CERTMATE_LOG_FORMAT", "text", choices=("text", "json"))
LOG_LEVEL = env.choice(
    "CERTMATE_LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "certmate.audit.context.RequestIdFilter"},
        # A probe that is told "not ready" every few seconds has been told; that is no error.
        "unavailable": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", 0) != 503,
        },
    },
    "loggers": {"django.request": {"filters": ["unavailable"]}},
    "formatters": {
        "text": {"format": "{asctime} {levelname} {name} [{request_id}] {message}", "style": "{"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime}{levelname}{name}{request_id}{message}",
            "style": "{",
            "rename_fields": {"asctime": "at", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}
