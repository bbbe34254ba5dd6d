"""What parliament says of statements: both as JSON, by the statements' names. The linters' environment runs it."""

import json
import sys


def main() -> None:
    from parliament import analyze_policy_string

    report = {}
    for name, statement in json.load(sys.stdin).items():
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        found = analyze_policy_string(policy, include_community_auditors=True).findings
        report[name] = [(finding.issue, json.dumps(finding.detail)) for finding in found]
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
