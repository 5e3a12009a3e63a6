// SPDX-License-Identifier: Apache-2.0

extension ScenarioReader {
    /// One request; its captures are known to the steps after it.
    func readRequest(
        _ section: ScriptSection, _ action: ScriptNode.Entry, _ variables: inout JourneyVariables
    ) -> Scenario.Request? {
        let faultsBefore = reader.faults.count
        var request = Scenario.Request(
            label: "", method: readMethod(section, action), path: "", service: "", asSomeone: false, headers: [],
            body: nil,
            expectedStatuses: [], captures: [], when: nil, timeout: .seconds(10))
        readPath(action, into: &request, variables)
        readService(section, into: &request)
        readPersona(section, into: &request)
        if let node = section["label"], let label = reader.text(node, "label") { request.label = label }
        readHeaders(section, into: &request, variables)
        readBody(section, into: &request, variables)
        readExpectations(section, into: &request)
        if let node = section["when"] { request.when = readCondition(node, "when", variables) }
        if let timeout = section.duration("timeout", default: request.timeout, allowZero: false) {
            request.timeout = timeout
        }
        readCaptures(section, into: &request, &variables)
        // After the captures: a check may compare with what this very answer gave.
        readChecks(section, into: &request, variables)
        return reader.faults.count == faultsBefore ? request : nil
    }

    private func readMethod(_ section: ScriptSection, _ action: ScriptNode.Entry) -> String {
        guard action.key == "request" else { return action.key.uppercased() }
        guard let node = section.required("method", example: "PROPFIND"), let method = reader.text(node, "method")
        else {
            return "GET"
        }
        let isToken = !method.isEmpty && method.utf8.allSatisfy { (65...90).contains($0) || $0 == 45 }
        if !isToken || method == "CONNECT" {
            reader.report(
                node.position, "\(method.quoted) can't be the method of a request; write one in capitals, as PROPFIND")
        }
        return method
    }

    private func readPath(
        _ action: ScriptNode.Entry, into request: inout Scenario.Request, _ variables: JourneyVariables
    ) {
        guard let path = action.value.text else {
            reader.report(
                action.value.isNull ? action.keyPosition : action.value.position,
                "'\(action.key)' takes a path like /v1/posts, not \(action.value.kind)")
            return
        }
        // A hole may hold a whole path, as a captured Location does.
        guard path.hasPrefix("/") || path.hasPrefix("${") else {
            reader.report(
                action.value.position,
                path.contains("://")
                    ? "a step has a path like /v1/posts; its host comes from 'service'"
                    : "the path \(path.quoted) starts with '/', or with a hole like ${location}")
            return
        }
        guard let template = readTemplate(path, in: action.value, variables) else { return }
        // Spaces inside of holes are no part of the request.
        let bad = template.segments.contains { segment in
            guard case .literal(let text) = segment else { return false }
            return text.unicodeScalars.contains { $0.value <= 0x20 || $0.value == 0x7F || $0 == "#" || !$0.isASCII }
        }
        if bad {
            reader.report(
                action.value.position,
                "the path \(path.quoted) has characters that a request can't; percent-encode them, as %20")
        }
        request.path = path
        request.label = "\(request.method) \(Self.shown(template))"
    }

    /// A path for people: without its query, with names in the holes.
    private static func shown(_ template: TextTemplate) -> String {
        var text = ""
        for segment in template.segments {
            switch segment {
            case .literal(let literal):
                let path = literal.prefix { $0 != "?" }
                text += path
                if path.count < literal.count { return text }
            case .variable(let name): text += "{\(name)}"
            case .user(let column): text += "{user.\(column)}"
            case .random(let table, let column): text += "{\(table).\(column)}"
            case .uuid: text += "{uuid}"
            case .counter: text += "{counter}"
            case .now: text += "{now}"
            case .base64: text += "{base64}"
            case .feeder(let name, let column): text += "{\(name).\(column)}"
            case .randomInteger: text += "{random}"
            case .randomText: text += "{text}"
            }
        }
        return text
    }

    private func readService(_ section: ScriptSection, into request: inout Scenario.Request) {
        // With a faulty 'system', the names are not known.
        guard let names = system?.targetNames else { return }
        if let node = section["service"] {
            guard let name = reader.text(node, "service") else { return }
            if reader.reference(name, "service", among: names, at: node.position) { request.service = name }
        } else if names.count == 1 {
            request.service = names[0]
        } else {
            reader.report(
                section.entry("service")?.keyPosition ?? section.position,
                "this request has no 'service' (allowed: \(names.joined(separator: ", ")))")
        }
    }

    private func readPersona(_ section: ScriptSection, into request: inout Scenario.Request) {
        guard let node = section["as"], reader.word(node, "as", ["someone"]) != nil else { return }
        if let system, system != .social {
            reader.report(
                node.position, "'as: someone' needs the population of the social network; write a header instead")
        }
        request.asSomeone = true
    }

    private func readHeaders(
        _ section: ScriptSection, into request: inout Scenario.Request, _ variables: JourneyVariables
    ) {
        guard let entry = section.entry("headers"), !entry.value.isNull else { return }
        guard let entries = entry.value.entries else {
            reader.report(entry.value.position, "'headers' maps names to values, not \(entry.value.kind)")
            return
        }
        for header in entries {
            let isToken =
                !header.key.isEmpty
                && header.key.utf8.allSatisfy { byte in
                    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                        || "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            guard isToken else {
                reader.report(header.keyPosition, "\(header.key.quoted) can't be the name of a header")
                continue
            }
            // A name that the target serves beside others; the services of the network have one each.
            let isOurs = header.key.lowercased() == "host" && system == .social
            if isOurs || ["content-length", "transfer-encoding", "connection"].contains(header.key.lowercased()) {
                reader.report(
                    header.keyPosition, "the load generator sets the header \(header.key.quoted) itself; leave it out")
                continue
            }
            guard let value = reader.text(header.value, header.key) else { continue }
            if value.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\t" || $0.value == 0x7F }) {
                reader.report(
                    header.value.position, "the value of \(header.key.quoted) has a line break or a control character")
                continue
            }
            _ = readTemplate(value, in: header.value, variables)
            request.headers.append((header.key, value))
        }
    }

    func checkTemplates(_ node: ScriptNode, _ variables: JourneyVariables) {
        switch node.value {
        case .null: break
        case .scalar(let text, _): _ = readTemplate(text, in: node, variables)
        case .list(let items): for item in items { checkTemplates(item, variables) }
        case .map(let entries):
            for entry in entries {
                let key = ScriptNode(value: .scalar(entry.key, plain: true), position: entry.keyPosition)
                _ = readTemplate(entry.key, in: key, variables)
                checkTemplates(entry.value, variables)
            }
        }
    }

    private func readExpectations(_ section: ScriptSection, into request: inout Scenario.Request) {
        guard let entry = section.entry("expect"), !entry.value.isNull,
            let expect = ScriptSection(
                entry.value, "'expect'", at: entry.keyPosition, keys: ["status"], reader: reader),
            let node = expect["status"]
        else { return }
        for item in node.items ?? [node] {
            if let status = reader.integer(item, "status", in: 100...599) { request.expectedStatuses.append(status) }
        }
    }
}
