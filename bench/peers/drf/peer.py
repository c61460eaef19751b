"""The accept path as a Django REST Framework user would write it, on the same tables: token, authorisation,
key, number, event, outbox; no row-level security. One file: settings, models, view, WSGI application.
"""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import django
from django.conf import settings

dsn = urlsplit(os.environ["BENCH_DSN"])
settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    ROOT_URLCONF=__name__,
    SECRET_KEY="unused: nothing is signed here",
    USE_TZ=True,
    INSTALLED_APPS=["rest_framework"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": dsn.hostname,
            "PORT": dsn.port,
            "USER": dsn.username,
            "PASSWORD": unquote(dsn.password or ""),
            "NAME": dsn.path[1:],
            "OPTIONS": {"pool": {"min_size": 8, "max_size": 8}, "options": "-c search_path=rokhas,msg"},
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

import jwt  # noqa: E402 -- Django wants its settings first
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import APIException, AuthenticationFailed, NotFound  # noqa: E402
from rest_framework.permissions import BasePermission  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

KEY = jwt.PyJWKSet.from_json(Path(os.environ["BENCH_JWKS"]).read_text()).keys[0]
REQUIRED = ("application_form", "ownership_certificate", "works_description")


class Dossier(models.Model):  # noqa: DJ008 -- nobody prints one
    id = models.UUIDField(primary_key=True)
    procedure = models.TextField()
    collectivity = models.TextField()
    applicant = models.TextField()
    state = models.TextField()
    reference = models.TextField(null=True)  # noqa: DJ001 -- the column is nullable
    submitted_at = models.DateTimeField(null=True)
    version = models.BigIntegerField()
    body = models.JSONField()

    class Meta:
        app_label = "rokhas"
        managed = False
        db_table = "dossier"


class Caller:
    is_authenticated = True

    def __init__(self, claims: dict[str, Any]) -> None:
        self.subject: str = claims["sub"]
        self.roles: list[str] = claims["roles"]


class Bearer(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Caller, None]:
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            claims = jwt.decode(
                token, KEY, algorithms=["ES256"], audience="jamaa", issuer=os.environ["BENCH_ISSUER"]
            )
        except jwt.InvalidTokenError as error:
            raise AuthenticationFailed from error
        return Caller(claims), None


class IsCitizen(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 -- the framework's signature
        return "citizen" in request.user.roles


class Conflict(APIException):
    status_code = 409


class Submission(serializers.Serializer):
    circumstances = serializers.CharField(max_length=4000, required=False, default="", allow_blank=True)


class Submit(APIView):
    authentication_classes = (Bearer,)
    permission_classes = (IsCitizen,)

    def post(self, request: Request, dossier_id: str) -> HttpResponse:
        sent = Submission(data=request.data)
        sent.is_valid(raise_exception=True)
        who = {"principal": request.user.subject, "key": request.headers["Idempotency-Key"]}
        digest = hashlib.sha256(json.dumps(sent.validated_data).encode()).digest()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO msg.idempotency (principal, key, route, request_hash)"
                " VALUES (%(principal)s, %(key)s, %(route)s, %(hash)s) ON CONFLICT DO NOTHING",
                who | {"route": f"POST {request.path}", "hash": digest},
            )
            if not cursor.rowcount:
                cursor.execute(
                    "SELECT status, body FROM msg.idempotency"
                    " WHERE principal = %(principal)s AND key = %(key)s",
                    who,
                )
                status, body = cursor.fetchone()
                return HttpResponse(bytes(body), status=status, content_type="application/json")
            dossier = Dossier.objects.select_for_update().filter(id=dossier_id).first()
            if dossier is None or dossier.applicant != request.user.subject:
                raise NotFound
            if dossier.state != "draft":
                raise Conflict
            receipt = self._submit(cursor, dossier, request.user.subject)
            response = Response(receipt)
            cursor.execute(
                "UPDATE msg.idempotency SET status = 200, body = %(body)s, headers = '[]'"
                " WHERE principal = %(principal)s AND key = %(key)s",
                who | {"body": json.dumps(receipt).encode()},
            )
        return response

    def _submit(self, cursor: Any, dossier: Dossier, who: str) -> dict[str, Any]:
        cursor.execute("SELECT msg.legal_now()")
        now: datetime = cursor.fetchone()[0].astimezone(UTC)
        year = now.astimezone(ZoneInfo("Africa/Casablanca")).year
        cursor.execute(
            "INSERT INTO rokhas.numbering AS n VALUES (%s, %s, 1) ON CONFLICT (collectivity, year)"
            " DO UPDATE SET last = n.last + 1 RETURNING last",
            [dossier.collectivity, year],
        )
        dossier.reference = f"{dossier.collectivity}/{year}/{cursor.fetchone()[0]:05d}"
        dossier.submitted_at = now
        missing = [document for document in REQUIRED if document not in dossier.body["documents"]]
        dossier.state = "incomplete" if missing else "under_review"
        dossier.body |= {"missing": missing, "completed_at": None if missing else now.isoformat()}
        event = {
            "procedure": dossier.procedure,
            "collectivity": dossier.collectivity,
            "submitted_at": now.isoformat(),
            "reference": dossier.reference,
            "complete": not missing,
            "missing": missing,
            "channel": "portal",
        }
        cursor.execute(
            "SELECT seq FROM msg.emit('dossier', %s, 'ma.jamaa.rokhas.dossier.submitted.v1', %s, %s, %s, %s)",
            [
                str(dossier.id),
                dossier.collectivity,
                json.dumps(event).encode(),
                json.dumps({"actor": who}),
                now,
            ],
        )
        dossier.version = cursor.fetchone()[0]
        dossier.save(update_fields=["state", "reference", "submitted_at", "version", "body"])
        return {
            "dossier": str(dossier.id),
            "reference": dossier.reference,
            "status": "incomplete" if missing else "complete",
            "procedure": dossier.procedure,
            "collectivity": dossier.collectivity,
            "submitted_at": now.isoformat(),
            "missing": missing,
            "version": dossier.version,
        }


urlpatterns = [path("dossiers/<uuid:dossier_id>/submission", Submit.as_view())]
application = get_wsgi_application()
