// SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension ScenarioReader {
    /// Largest file that is sent as a body.
    private static let bodyLimit = 8 << 20

    func readBody(_ section: ScriptSection, into request: inout Scenario.Request, _ variables: JourneyVariables) {
        let bodies = ["json", "form", "body"].compactMap(section.entry)
        if let first = bodies.first, request.method == "GET" || request.method == "HEAD" {
            reader.report(first.keyPosition, "a \(request.method) request has no body")
            return
        }
        if bodies.count > 1 {
            let keys = bodies.map(\.key.quoted).joined(separator: " and ")
            reader.report(bodies[1].keyPosition, "a request has one of 'json', 'form' and 'body', not \(keys)")
            return
        }
        let contentType = section["content-type"].flatMap { reader.text($0, "content-type") }
        if section["body"] == nil, let entry = section.entry("content-type") {
            reader.report(entry.keyPosition, "'content-type' goes with 'body'; JSON and forms have their own")
            return
        }
        guard let body = bodies.first else { return }
        switch body.key {
        case "json":
            checkTemplates(body.value, variables)
            request.body = .json(JSONText.of(body.value))
        case "form": readForm(body, into: &request, variables)
        default:
            if body.value.entries != nil {
                readFileBody(body, contentType, into: &request, variables)
            } else if !body.value.isNull, let text = reader.text(body.value, "body") {
                _ = readTemplate(text, in: body.value, variables)
                request.body = .raw(text, contentType: contentType ?? "text/plain; charset=utf-8")
            }
        }
    }

    /// `form: {name: value}`.
    private func readForm(
        _ entry: ScriptNode.Entry, into request: inout Scenario.Request, _ variables: JourneyVariables
    ) {
        guard let entries = entry.value.entries else {
            reader.report(
                entry.value.position, "'form' maps fields to values, for example {name: Ada}, not \(entry.value.kind)")
            return
        }
        var fields: [Scenario.Request.FormField] = []
        for field in entries {
            // A field may come several times, as a list.
            for value in field.value.items ?? [field.value] {
                let text = value.isNull ? "" : reader.text(value, field.key)
                guard let text, value.isNull || readTemplate(text, in: value, variables) != nil else { continue }
                fields.append(.init(name: field.key, value: text))
            }
        }
        request.body = .form(fields)
    }

    /// `body: {file: payload.bin}`; with `template: true` the file's text may have holes.
    private func readFileBody(
        _ entry: ScriptNode.Entry, _ contentType: String?, into request: inout Scenario.Request,
        _ variables: JourneyVariables
    ) {
        guard
            let section = ScriptSection(
                entry.value, "'body'", at: entry.keyPosition, keys: ["file", "template"], reader: reader),
            let node = section.required("file", example: "payload.json"),
            let bytes = readFile(node, limit: Self.bodyLimit)
        else { return }
        let isTemplate = section["template"].map { reader.bool($0, "template") } ?? false
        guard isTemplate == true else {
            request.body = .bytes(bytes, contentType: contentType ?? "application/octet-stream")
            return
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            reader.report(node.position, "the file is not UTF-8, so that it can't be a template; leave 'template' out")
            return
        }
        // The place of a mistake lies in the other file: what can be shown is where it is named.
        let standIn = ScriptNode(value: .map([]), position: node.position)
        _ = readTemplate(text, in: standIn, variables)
        request.body = .raw(text, contentType: contentType ?? "text/plain; charset=utf-8")
    }

    /// A file that the script names, relative to its folder.
    func readFile(_ node: ScriptNode, limit: Int) -> [UInt8]? {
        guard let name = reader.text(node, "file") else { return nil }
        let path = name.hasPrefix("/") || folder.isEmpty ? name : folder + "/" + name
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue,
            let handle = FileHandle(forReadingAtPath: path)
        else {
            reader.report(
                node.position, "the file \(name.quoted) can't be read; it is looked for from the script's folder")
            return nil
        }
        defer { try? handle.close() }
        guard let data = try? handle.read(upToCount: limit + 1) ?? Data() else {
            reader.report(node.position, "the file \(name.quoted) can't be read")
            return nil
        }
        guard data.count <= limit else {
            reader.report(node.position, "the file \(name.quoted) is larger than \(limit >> 20) MiB")
            return nil
        }
        return Array(data)
    }
}
