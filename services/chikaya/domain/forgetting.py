"""How long what nobody confirmed is kept. Personal data are kept no longer than what they are for asks (law
09-08, art. 3), and an address that nobody confirmed may be somebody else's, who asked for nothing. No text
says how many days: the figures are chosen.
"""

from datetime import timedelta
from typing import Final

SUBSCRIPTION: Final = timedelta(days=7)
"""After that a subscription whose code did not come back ends: who still wants it asks again."""
CONTACT: Final = timedelta(days=30)
"""After that the e-mail address and the number of a report without an account are gone; the name that was
given stays, and so does the report, which its follow-up code opens as before. Longer, because that code is
sent once only, and the office may want to call about what is not clear (15 days, 2-17-265 art. 11).
"""
CODE: Final = timedelta(days=1)
"""After that a follow-up code, or the key of an application, is no longer in the answer that is kept for its
Idempotency-Key: who asks again gets that answer without it. As long as a telephone that was cut off may need
to ask again; from then on only the digest is kept.
"""
