#!/bin/bash
# Draws in each task of a Slurm array; without an array it decides.
#   array=$(sbatch --parsable --array=1-8 slurm.sh suites --candidate brief --baseline stable)
#   sbatch --dependency=afterany:"$array" slurm.sh suites --candidate brief --baseline stable
# A task that failed is drawn again by: SHARES=8 sbatch --array=3 slurm.sh …
# The settings name a store that all nodes reach, such as postgresql://ann@db.example.org/steelyard.
#SBATCH --job-name=steelyard
#SBATCH --time=04:00:00
#SBATCH --output=steelyard-%A-%a.log
set -eu

if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    exec pytest "$@" --draw "$SLURM_ARRAY_TASK_ID/${SHARES:-$SLURM_ARRAY_TASK_COUNT}"
fi
exec pytest "$@" --offline
