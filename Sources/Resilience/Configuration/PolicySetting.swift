// SPDX-License-Identifier: Apache-2.0

/// The options of one policy: what `PolicySetting` needs to read, check and print them.
protocol PolicyOptions: Sendable, Equatable {
    static var fields: [ConfigurationField<Self>] { get }
    /// The field that a bare scalar sets (`attempt-timeout: 250ms`).
    static var shorthand: String? { get }
    /// Where reading starts when the policy was never configured.
    static var blank: Self { get }
    /// Keys without a sensible default: the policy can't be switched on before they are set.
    static var required: [String] { get }
    /// Whether an edit that addresses all policies leaves this one alone until it was configured by itself: policies
    /// that few callees need, though they have complete defaults.
    static var isOptIn: Bool { get }
    /// The modes that make sense for the policy.
    static var modes: [PolicyMode] { get }
    /// What is wrong in the combination of fields that are fine each by itself; keys and messages.
    func contradictions() -> [(key: String, message: String)]
}

extension PolicyOptions {
    static var shorthand: String? { nil }
    static var required: [String] { [] }
    static var isOptIn: Bool { false }
    static var modes: [PolicyMode] { PolicyMode.common }
    func contradictions() -> [(key: String, message: String)] { [] }
}

/// One policy of a pipeline as it is configured: how far it may act, and with which options.
public struct PolicySetting<Options: Sendable & Equatable>: Sendable, Equatable {
    /// How far the policy may act.
    public var mode: PolicyMode
    /// Nil while the policy was never configured and has no defaults to start with (a bulkhead without a limit).
    public var options: Options?

    /// A setting; what is wrong with it shows when it is used.
    ///
    /// - Parameters:
    ///   - mode: How far the policy may act.
    ///   - options: Nil for a policy that was never configured.
    public init(mode: PolicyMode, options: Options?) {
        self.mode = mode
        self.options = options
    }
}

extension PolicySetting where Options: PolicyOptions {
    /// Switched off, with the defaults where they are complete.
    static var initial: PolicySetting {
        PolicySetting(mode: .disabled, options: Options.required.isEmpty && !Options.isOptIn ? Options.blank : nil)
    }

    /// The defaults for a policy that is addressed by itself and has complete ones.
    private mutating func takeDefaults() {
        if options == nil, mode != .disabled, Options.required.isEmpty { options = Options.blank }
    }

    /// Applies one edit: a mode word, a shorthand scalar, a mapping with an optional `mode`, or nothing, which switches
    /// the policy off as removing it in a merge patch (RFC 7396) should. Fields that the edit leaves out keep their
    /// value. An edit that sets fields switches a disabled policy on unless it says otherwise.
    mutating func apply(_ value: ConfigurationValue, at place: [String], _ faults: inout [ConfigurationFault]) {
        let modes = Options.modes.map(\.rawValue)
        defer { takeDefaults() }
        switch value {
        case .string(let word) where PolicyMode(rawValue: word) != nil:
            setMode(value, at: place, &faults)
        case .bool(false), .null:
            mode = .disabled
        case .map(var map):
            if let mode = map["mode"] {
                setMode(mode, at: place + ["mode"], &faults)
                map["mode"] = nil
            } else {
                switchOn()
            }
            if !map.isEmpty { read(.map(map), at: place, &faults) }
        default:
            if Options.shorthand == nil {
                var nearest: String?
                if case .string(let word) = value { nearest = NearestName.find(word, in: modes) }
                faults.append(
                    ConfigurationFault(
                        path: place, message: "expected a mode or a mapping, not \(value.kindName)",
                        allowed: modes + Options.fields.map(\.key), nearest: nearest))
                return
            }
            switchOn()
            if case .string(let word) = value, let nearest = NearestName.find(word, in: modes) {
                faults.append(
                    ConfigurationFault(
                        path: place, message: "unknown mode \"\(word)\"", allowed: modes, nearest: nearest))
                return
            }
            read(value, at: place, &faults)
        }
    }

    /// Whoever sets options wants them to act, but not more than before: a change of a forced or shadow policy must not
    /// enforce it in the middle of an incident.
    private mutating func switchOn() {
        if mode == .disabled { mode = .enforced }
    }

    private mutating func read(
        _ value: ConfigurationValue, at place: [String], _ faults: inout [ConfigurationFault]
    ) {
        var edited = options ?? Options.blank
        let before = faults.count
        var fields = Options.fields
        fields.append(
            ConfigurationField(key: "mode", read: { _, _, _, _ in }, write: { _ in nil }, exact: { _ in nil }))
        ConfigurationField.read(fields, shorthand: Options.shorthand, from: value, into: &edited, at: place, &faults)
        // A value that could not be read must not be reported once more as missing.
        if faults.count > before { return }
        var given: [String] = []
        if case .map(let map) = value {
            given = map.entries.map(\.key)
        } else {
            given = [Options.shorthand].compactMap { $0 }
        }
        if options == nil, !Options.required.allSatisfy(given.contains) { return }
        options = edited
    }

    private mutating func setMode(
        _ value: ConfigurationValue, at place: [String], _ faults: inout [ConfigurationFault]
    ) {
        let modes = Options.modes
        if case .string(let word) = value, let mode = PolicyMode(rawValue: word), modes.contains(mode) {
            self.mode = mode
            return
        }
        var nearest: String?
        if case .string(let word) = value { nearest = NearestName.find(word, in: modes.map(\.rawValue)) }
        faults.append(
            ConfigurationFault(
                path: place, message: "expected a mode, not \(value.kindName)", allowed: modes.map(\.rawValue),
                nearest: nearest))
    }

    /// What keeps the setting from being used as it stands: a mode that the policy does not have, values out of their
    /// bounds, values that contradict each other.
    func check(at place: [String], _ faults: inout [ConfigurationFault]) {
        if !Options.modes.contains(mode) {
            faults.append(
                ConfigurationFault(
                    path: place + ["mode"], message: "\(mode.rawValue) is a mode of circuit breakers only",
                    allowed: Options.modes.map(\.rawValue)))
        }
        guard let options else {
            if mode != .disabled {
                let keys = Options.required.joined(separator: ", ")
                faults.append(
                    ConfigurationFault(path: place, message: "can't be \(mode.rawValue) before \(keys) is set"))
            }
            return
        }
        // Most policies of most pipelines stand where they began.
        if options == Options.blank { return }
        ConfigurationField.check(Options.fields, options, at: place, &faults)
        for (key, message) in options.contradictions() {
            faults.append(ConfigurationFault(path: place + [key], message: message))
        }
    }

    /// The options as they would be written.
    var configuration: ConfigurationMap {
        options.map { ConfigurationField.write(Options.fields, $0) } ?? ConfigurationMap()
    }
}
