// Asks an export as TensorFlow Serving does: by LoadSavedModel and a session.
//
//   client EXPORT SIGNATURE INPUT ROWS COLUMNS [INPUT ROWS COLUMNS ...]
//
// Ids come from the standard input, one a line, for one input after the other;
// no columns (-) make a vector. Prints each output: its name, its shape, and
// its values, one a line.

#include <cstdio>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/public/session.h"

namespace {

int Fail(const std::string& what) {
  std::cerr << what << std::endl;
  return 1;
}

tensorflow::Tensor Read(const std::string& rows, const std::string& columns) {
  tensorflow::TensorShape shape({std::stoll(rows)});
  if (columns != "-") shape.AddDim(std::stoll(columns));
  tensorflow::Tensor tensor(tensorflow::DT_STRING, shape);
  auto values = tensor.flat<tensorflow::tstring>();
  std::string line;
  for (int64_t i = 0; i < values.size() && std::getline(std::cin, line); ++i) {
    values(i) = line;
  }
  return tensor;
}

void Print(const std::string& name, const tensorflow::Tensor& tensor) {
  std::cout << name << std::endl << tensor.dims();
  for (int i = 0; i < tensor.dims(); ++i) {
    std::cout << " " << tensor.dim_size(i);
  }
  std::cout << std::endl;
  for (int64_t i = 0; i < tensor.NumElements(); ++i) {
    if (tensor.dtype() == tensorflow::DT_STRING) {
      std::cout << tensor.flat<tensorflow::tstring>()(i) << std::endl;
    } else {
      std::printf("%.9g\n", tensor.flat<float>()(i));
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6 || argc % 3 != 0) {
    return Fail("expected EXPORT SIGNATURE (INPUT ROWS COLUMNS) ...");
  }
  tensorflow::SavedModelBundle bundle;
  tensorflow::SessionOptions session_options;
  tensorflow::RunOptions run_options;
  auto status =
      tensorflow::LoadSavedModel(session_options, run_options, argv[1],
                                 {"serve"}, &bundle);
  if (!status.ok()) return Fail(status.ToString());
  const auto& signatures = bundle.GetSignatures();
  auto found = signatures.find(argv[2]);
  if (found == signatures.end()) return Fail("no such signature");

  std::vector<std::pair<std::string, tensorflow::Tensor>> inputs;
  for (int i = 3; i + 2 < argc; i += 3) {
    inputs.emplace_back(found->second.inputs().at(argv[i]).name(),
                        Read(argv[i + 1], argv[i + 2]));
  }
  std::vector<std::string> names, fetches;
  for (const auto& output : found->second.outputs()) {
    names.push_back(output.first);
    fetches.push_back(output.second.name());
  }
  std::vector<tensorflow::Tensor> outputs;
  status = bundle.GetSession()->Run(inputs, fetches, {}, &outputs);
  if (!status.ok()) return Fail(status.ToString());
  for (size_t i = 0; i < outputs.size(); ++i) Print(names[i], outputs[i]);
  return 0;
}
