"""What documents share: tolerance of other clients' fields; instants of creation and change."""

from __future__ import annotations

from typing import Any

import mongoengine as me
from mongoengine.base import NON_FIELD_ERRORS
from mongoengine.errors import ValidationError

from webapp.clock import utcnow


class Stored(me.Document):
    """A document of a collection. Its indexes are made when a program starts (`database_setup`), not by every process
    that looks at the collection first: each child of a worker would ask for all of them."""

    meta: dict[str, Any] = {"abstract": True, "strict": False, "auto_create_index": False}


class Stamped(Stored):
    """A document that knows when it was made and last changed."""

    meta: dict[str, Any] = {"abstract": True}

    created_at = me.DateTimeField(db_field="createdAt", default=utcnow)
    updated_at = me.DateTimeField(db_field="updatedAt", default=utcnow)

    def save(self, *args: Any, **kwargs: Any) -> Any:
        self.updated_at = utcnow()
        return super().save(*args, **kwargs)

    def validate(self, clean: bool = True) -> None:
        """As MongoEngine's, but what `clean()` found wrong with a field is told under that field's name."""
        try:
            super().validate(clean=clean)
        except ValidationError as error:
            found = error.errors.pop(NON_FIELD_ERRORS, None)
            if found is None:
                raise
            by_field = getattr(found, "errors", None) or {NON_FIELD_ERRORS: found}
            raise ValidationError(found.message, errors={**error.errors, **by_field}) from error


class LooseEmbedded(me.EmbeddedDocument):
    """An embedded document that tolerates fields of other clients."""

    meta: dict[str, Any] = {"abstract": True, "strict": False}
