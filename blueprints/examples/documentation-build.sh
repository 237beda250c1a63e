#!/bin/sh
# documentation-build.sh REPOSITORY BRANCH OUTPUT < commands
#
# Runs commands, one a line, each by itself in the container of this build, where the checkout is; then fetches what they
# left in $BERTH_ARTIFACTS into OUTPUT. Ends with the code of the first that fails, and fetches nothing then.
set -eu
repository=$1 branch=$2 output=$3
berth=${BERTH:-npx berth}

asked=$($berth lease --json --repo "checkout=$repository" --branch "$branch" --note "$repository $branch" --wait 5m)
lease=$(printf '%s\n' "$asked" | sed -n 's/^  "id": "\(.*\)",$/\1/p')
echo "$lease" >&2
# Whatever happens: with the lease the container goes.
trap '$berth release "$lease" > /dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

while IFS= read -r command; do
  $berth exec --cwd checkout "$lease" sh -c "$command" < /dev/null
done
$berth artifacts "$lease" "$output"
