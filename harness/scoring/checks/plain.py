"""The checks that wait for nothing, which have the same types in every body: listed here alone."""

from harness.scoring.checks.numbers import numeric as numeric
from harness.scoring.checks.overlap import bleu as bleu
from harness.scoring.checks.overlap import chrf as chrf
from harness.scoring.checks.overlap import rouge as rouge
from harness.scoring.checks.overlap import token_f1 as token_f1
from harness.scoring.checks.ranking import average_precision as average_precision
from harness.scoring.checks.ranking import ndcg_at as ndcg_at
from harness.scoring.checks.ranking import precision_at as precision_at
from harness.scoring.checks.ranking import recall_at as recall_at
from harness.scoring.checks.ranking import reciprocal_rank as reciprocal_rank
from harness.scoring.checks.structure import calls as calls
from harness.scoring.checks.structure import follows_schema as follows_schema
from harness.scoring.checks.text import contains as contains
from harness.scoring.checks.text import exact as exact
from harness.scoring.checks.text import matches as matches
from harness.scoring.checks.text import normalise as normalise
from harness.scoring.checks.text import normalised as normalised
