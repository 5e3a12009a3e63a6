// SPDX-License-Identifier: Apache-2.0

/// Where a policy's events go. Always called outside the policy's lock.
struct PolicyListener<Event: Sendable>: Sendable {
    private let handler: (@Sendable (Event) -> Void)?

    init(_ handler: (@Sendable (Event) -> Void)?) {
        self.handler = handler
    }

    /// Whether there is anybody to report to.
    var isListening: Bool {
        handler != nil
    }

    func report(_ event: Event) {
        handler?(event)
    }
}

extension PolicySetting where Options: PolicyOptions {
    /// For policies made in code: the same checks as for configuration.
    func requireSound() throws(ConfigurationFaults) {
        var faults: [ConfigurationFault] = []
        check(at: [], &faults)
        // Bounds of single fields are checked where they are read; what code sets goes the same way.
        if let options {
            var scratch = options
            ConfigurationField.read(
                Options.fields, shorthand: nil, from: .map(ConfigurationField.write(Options.fields, options)),
                into: &scratch, at: [], &faults)
        }
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
    }
}
