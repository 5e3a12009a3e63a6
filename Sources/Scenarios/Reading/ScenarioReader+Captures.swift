// SPDX-License-Identifier: Apache-2.0

internal import Patterns

extension ScenarioReader {
    /// A condition of `when`, `while` or `until`.
    func readCondition(_ node: ScriptNode, _ key: String, _ variables: JourneyVariables) -> Scenario.Condition? {
        guard let text = reader.text(node, key) else { return nil }
        let condition: Scenario.Condition
        do {
            condition = try ConditionText.parse(text)
        } catch {
            reader.report(node.position(ofScalar: error.offset), error.message)
            return nil
        }
        let before = reader.faults.count
        for side in [condition.left, condition.right] {
            // Sides are read as templates of their own, so their places are found again in the text.
            let offset = text.firstRange(of: side).map { text[..<$0.lowerBound].unicodeScalars.count } ?? 0
            let position = node.position(ofScalar: offset)
            _ = readTemplate(side, in: ScriptNode(value: .scalar(side, plain: true), position: position), variables)
        }
        return reader.faults.count == before ? condition : nil
    }

    /// Whether an entry's key can name a variable.
    func isVariableName(_ entry: ScriptNode.Entry) -> Bool {
        let isReserved = TextTemplate.reservedNames.contains(entry.key)
        if TextTemplate.isIdentifier(entry.key), !isReserved { return true }
        reader.report(
            entry.keyPosition,
            isReserved
                ? "\(entry.key.quoted) is built in; give the variable another name"
                : "\(entry.key.quoted) can't name a variable: letters, digits, '_' and '-', first a letter or '_'")
        return false
    }

    func readCaptures(
        _ section: ScriptSection, into request: inout Scenario.Request, _ variables: inout JourneyVariables
    ) {
        guard let entry = section.entry("capture"), !entry.value.isNull else { return }
        guard let entries = entry.value.entries else {
            reader.report(
                entry.value.position,
                "'capture' maps variables to places, for example {post: $.items[0].id}, not \(entry.value.kind)")
            return
        }
        for capture in entries {
            // Known from here on even if its place is wrong: that is one mistake, not one for each use.
            variables.known.insert(capture.key)
            if isVariableName(capture), let read = readCapture(capture) { request.captures.append(read) }
        }
    }

    private func readCapture(_ entry: ScriptNode.Entry) -> Scenario.Request.Capture? {
        if entry.value.text != nil {
            return readJSONPath(entry.value).map { .init(variable: entry.key, source: .json($0)) }
        }
        let title = "the capture \(entry.key.quoted)"
        let places = ["json", "header", "regex", "cookie", "status"]
        guard
            let section = ScriptSection(
                entry.value, title, at: entry.keyPosition, keys: places + ["optional", "default"], reader: reader)
        else { return nil }
        let named = places.filter { section[$0] != nil }
        guard named.count == 1, let node = section[named[0]] else {
            let list = places.map { "'\($0)'" }.joined(separator: ", ")
            reader.report(section.position, "\(title) comes from one of \(list), for example {json: $.id}")
            return nil
        }
        let source: Scenario.Request.Source?
        switch named[0] {
        case "json": source = readJSONPath(node).map { .json($0) }
        case "header": source = reader.text(node, "header").map { .header($0) }
        case "regex": source = readPattern(node, "regex").map { .pattern($0) }
        case "cookie": source = reader.text(node, "cookie").map { .cookie($0) }
        default:
            let isTrue = reader.bool(node, "status")
            if isTrue == false { reader.report(node.position, "write 'status: true' to capture the status") }
            source = isTrue == true ? .status : nil
        }
        let optional = section["optional"].map { reader.bool($0, "optional") } ?? false
        var absence = optional == true ? Scenario.Request.Capture.Absence.leavesEmpty : .fails
        if let node = section["default"] {
            guard let text = reader.text(node, "default") else { return nil }
            if optional == true {
                reader.report(node.position, "a capture with a 'default' always has a value; leave 'optional' out")
                return nil
            }
            absence = .becomes(text)
        }
        guard let source, optional != nil else { return nil }
        return .init(variable: entry.key, source: source, absence: absence)
    }

    func readJSONPath(_ node: ScriptNode) -> String? {
        guard let text = reader.text(node, "json") else { return nil }
        do {
            _ = try JSONPath(text)
            return text
        } catch {
            reader.report(
                node.position(ofScalar: error.offset), "\(text.quoted) is not a JSON path: \(error.message)")
            return nil
        }
    }

    func readPattern(_ node: ScriptNode, _ key: String) -> Pattern? {
        guard let text = reader.text(node, key) else { return nil }
        do {
            return try Pattern(text)
        } catch {
            reader.report(node.position(ofScalar: error.offset), "/\(text)/ is not a pattern: \(error.message)")
            return nil
        }
    }

    // MARK: - Checks

    /// Most checks of one request.
    private static let mostChecks = 32

    /// `check: {NAME: CHECK}`.
    func readChecks(_ section: ScriptSection, into request: inout Scenario.Request, _ variables: JourneyVariables) {
        guard let entry = section.entry("check"), !entry.value.isNull else { return }
        guard let entries = entry.value.entries, !entries.isEmpty else {
            reader.report(
                entry.value.position,
                "'check' maps names to checks, for example {is-json: {header: content-type, contains: json}}, "
                    + "not \(entry.value.kind)")
            return
        }
        guard entries.count <= Self.mostChecks else {
            reader.report(entry.keyPosition, "a request has at most \(Self.mostChecks) checks")
            return
        }
        for check in entries {
            let isNamed = reader.name(check.key, "check", at: check.keyPosition)
            if let kind = readCheck(check, variables), isNamed { request.checks.append(.init(check.key, kind)) }
        }
    }

    private func readCheck(
        _ entry: ScriptNode.Entry, _ variables: JourneyVariables
    ) -> Scenario.Request.Check.Kind? {
        let title = "the check \(entry.key.quoted)"
        let subjects = ["status", "duration", "header", "json", "body"]
        let tests = ["equals", "contains", "matches"]
        guard
            let section = ScriptSection(
                entry.value, title, at: entry.keyPosition, keys: subjects + tests, reader: reader)
        else { return nil }
        let subject = subjects.filter { section.entry($0) != nil }
        guard subject.count <= 1 else {
            reader.report(
                entry.keyPosition,
                "\(title) is about one thing, not about \(subject.map(\.quoted).joined(separator: " and "))")
            return nil
        }
        let test = tests.filter { section[$0] != nil }
        let isSimple = subject.first == "status" || subject.first == "duration"
        guard test.count <= (isSimple ? 0 : 1), subject.count + test.count > 0 else {
            reader.report(
                entry.keyPosition,
                isSimple
                    ? "\(title) has its value beside \(subject[0].quoted), as {status: 200} or {duration: 200ms}"
                    : "\(title) has a 'status', a 'duration', or one of 'equals', 'contains' and 'matches' for a 'header', 'json' or the body"
            )
            return nil
        }
        switch subject.first {
        case "status":
            guard let node = section["status"] else { return nil }
            let statuses = (node.items ?? [node]).map { reader.integer($0, "status", in: 100...599) }
            let sound = statuses.compactMap { $0 }
            return sound.count == statuses.count && !sound.isEmpty ? .status(sound) : nil
        case "duration":
            return section["duration"].flatMap { reader.duration($0, "duration", allowZero: false) }.map {
                .duration($0)
            }
        case "header":
            guard let name = section["header"].flatMap({ reader.text($0, "header") }) else { return nil }
            return readTest(section, test.first, variables).map { .text(.header(name), $0) }
        case "json":
            guard let path = section["json"].flatMap(readJSONPath) else { return nil }
            return readTest(section, test.first, variables).map { .text(.json(path), $0) }
        case "body":
            if let node = section["body"] {
                reader.report(
                    node.position, "write 'body:' without a value, or leave it out: {contains: \(node.text ?? "text")}")
                return nil
            }
            return readTest(section, test.first, variables).map { .text(.body, $0) }
        default: return readTest(section, test.first, variables).map { .text(.body, $0) }
        }
    }

    private func readTest(
        _ section: ScriptSection, _ key: String?, _ variables: JourneyVariables
    ) -> Scenario.Request.Check.Test? {
        guard let key, let node = section[key] else { return .exists }
        if key == "matches" { return readPattern(node, key).map { .matches($0) } }
        guard let text = reader.text(node, key), readTemplate(text, in: node, variables) != nil else { return nil }
        return key == "equals" ? .equals(text) : .contains(text)
    }
}
