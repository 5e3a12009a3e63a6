// SPDX-License-Identifier: Apache-2.0

import Resilience
import Testing

@testable import SeawallCommands

@Suite("Changes of policies as they are typed")
struct PolicyArgumentsTests {
    private func tree(_ changes: String...) throws -> ConfigurationValue {
        try PolicyArguments.edits(pipeline: "post -> comment", changes: changes).tree
    }

    @Test("set modes, shorthands and options")
    func kinds() throws {
        #expect(try tree("shadow") == ["post -> comment": "shadow"])
        #expect(
            try tree("circuit-breaker=disabled", "attempt-timeout=250ms")
                == ["post -> comment": ["circuit-breaker": "disabled", "attempt-timeout": "250ms"]])
        #expect(
            try tree("retry.attempts=3", "retry.backoff.base=10ms", "retry=shadow")
                == ["post -> comment": ["retry": ["attempts": 3, "backoff": ["base": "10ms"], "mode": "shadow"]]])
        #expect(
            try tree("retry=enforced", "retry.attempts=3")
                == ["post -> comment": ["retry": ["mode": "enforced", "attempts": 3]]])
    }

    @Test("that are wrong are refused, all at once and with what was meant")
    func wrong() {
        #expect {
            try tree("attempt-timeot=250ms", "retry.attempts=x")
        } throws: { error in
            (error as? ConfigurationFaults)?.faults.map(\.path) == [
                ["post -> comment", "attempt-timeot"], ["post -> comment", "retry", "attempts"],
            ]
        }
        #expect(throws: CommandFailure.self) { try tree("retry=enforced", "nonsense") }
        #expect(throws: CommandFailure.self) { try tree("=3") }
        #expect(throws: CommandFailure.self) { try tree("retry=") }
    }
}
